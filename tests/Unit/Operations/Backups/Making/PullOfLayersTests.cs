using System.Globalization;
using System.Text.Json;
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

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatOnlyQemuKnowsToLieBeneathIsBackedUpToo(bool named)
    {
        Tool.Require("qemu-system-x86_64", "qemu-img", "qemu-io", "qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["beneath"], "16M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 200 0 {8 * Grain}", scratch["beneath"]);
        // As a name that is no file's, or by the command line of whoever starts the machine alone.
        string json = "json:" + JsonSerializer.Serialize(new { driver = "qcow2", file = new { driver = "file", filename = scratch["beneath"] } });
        Tool.Run("qemu-img", ["create", "-q", "-f", "qcow2", .. named ? (string[])["-b", json, "-F", "qcow2"] : [], scratch["top"], "16M"]);
        Tool.Run("qemu-io", "--image-opts", "-c", $"write -P 1 {2 * Grain} {Grain}", $"driver=qcow2,file.filename={scratch["top"]},backing.driver=qcow2,backing.file.filename={scratch["beneath"]}");
        var top = new Dictionary<string, object>(StringComparer.Ordinal) { ["driver"] = "qcow2", ["node-name"] = "top", ["file"] = new { driver = "file", filename = scratch["top"] } };
        if (!named)
            top["backing"] = new { driver = "qcow2", file = new { driver = "file", filename = scratch["beneath"] } };
        Tool.Run(
            "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", scratch["pid"], "-qmp", $"unix:{scratch["q"]},server=on,wait=off",
            "-blockdev", JsonSerializer.Serialize(top), "-device", "virtio-blk-pci,drive=top,id=v0");
        var engine = new MomentEngine(new MomentEngineOptions { StateRoot = scratch["state"], RuntimeRoot = scratch["run"], LockTimeout = TimeSpan.FromSeconds(5) });
        var report = new TestReport();
        await engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = "unix:" + scratch["q"] }, report, CancellationToken.None);
        try
        {
            foreach (bool pull in (bool[])[true, false])
            {
                VMBackup backup = await engine.BackupAsync("guest", new BackupRequest { Repository = scratch["repo" + pull], Kind = VMBackupKind.Full, Pull = pull }, report, CancellationToken.None);
                string read = Tool.Run("qemu-io", "-f", "qcow2", "-r", "-c", $"read -P 200 0 {2 * Grain}", "-c", $"read -P 1 {2 * Grain} {Grain}", "-c", $"read -P 200 {3 * Grain} {5 * Grain}", backup.Disks[0].Path);
                Assert.DoesNotContain("Pattern verification failed", read, StringComparison.Ordinal);
            }
        }
        finally
        {
            await engine.InvokeQmpAsync("guest", "quit", null, CancellationToken.None);
        }
    }
}
