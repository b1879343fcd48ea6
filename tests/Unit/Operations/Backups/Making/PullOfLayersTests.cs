using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>What a held instant tells of a disk that stands on other images: their content is no hole.</summary>
public sealed class PullOfLayersTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("raw", VMBackupKind.Full)]
    [InlineData("qcow2", VMBackupKind.Full)]
    [InlineData("qcow2", VMBackupKind.Copy)]
    public async Task WhatLiesInTheImagesBeneathIsBackedUpAndAThinDiskStaysThin(string format, VMBackupKind kind)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string size = TestMachine.DiskSize.ToString(CultureInfo.InvariantCulture), beneath = Path.Combine(machine.Scratch, "beneath");
        Tool.Run("qemu-img", "create", "-q", "-f", format, beneath, size);
        Tool.Run("qemu-io", "-f", format, "-c", $"write -P 200 0 {8 * Grain}", "-c", $"write -P 201 {40 * Grain} {Grain}", beneath);
        File.Delete(machine.DiskPath("vda"));
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", beneath, "-F", format, machine.DiskPath("vda"), size);
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 2 * Grain, Grain);
        await machine.IoAsync("vda", $"write -z {3 * Grain} {Grain}");
        await machine.IoAsync("vda", "flush");
        byte[] content = machine.Content(machine.DiskPath("vda"));
        VMBackup backup = await machine.Engine.BackupAsync(
            TestMachine.Name, new BackupRequest { Repository = machine.Repository, Kind = kind, Pull = true }, machine.Report, CancellationToken.None);
        Assert.Equal("pull", backup.Mode);
        Assert.True(content.AsSpan().SequenceEqual(machine.Content(backup.Disks[0].Path)), "the backup is not what the disk held");
        // Zeroes are looked for in what is written at once, which is a mebibyte.
        Assert.InRange(backup.Disks[0].CopiedBytes, 8 * Grain, 3 << 20);
    }
}
