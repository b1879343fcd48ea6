using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>What each kind of backup stores, of what, and on what it stands; disks that nothing tracks; and what is stored beside the disks.</summary>
public sealed class BackupKindTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ACopyIsFullAndBelongsToNoChain(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, Grain, Grain);
        string moments = string.Join(' ', (await machine.MomentsAsync()).Select(moment => moment.Name));
        VMBackup copy = await machine.BackupAsync(VMBackupKind.Copy);
        byte[] then = machine.Content(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        VMBackup next = await machine.BackupAsync(VMBackupKind.Incremental);

        Assert.Equal((VMBackupKind.Copy, null), (copy.Kind, copy.Checkpoint));
        Assert.All(copy.Disks, disk => Assert.Equal((VMBackupKind.Full, null), (disk.Kind, disk.ParentId)));
        Assert.Equal(moments, string.Join(' ', (await machine.MomentsAsync()).Select(moment => moment.Name).SkipLast(1)));
        // What the copy stored is stored by the increment again: it stands on the first.
        Assert.Equal((first.Id, 2 * Grain), (next.Disks[0].ParentId!, next.Disks[0].CopiedBytes));
        Assert.Empty(machine.Report.Warnings);
        await AssertRestoresAsync(machine, copy, "vda", then);
        await AssertRestoresAsync(machine, next, "vda", machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task ADifferentialOneStandsOnTheNewestFullOneOrOnTheOneNamed()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        List<VMBackup> taken = [];
        for (byte round = 0; round < 3; round++)
        {
            await machine.WriteAsync("vda", (byte)(round + 1), round * 2 * Grain, Grain);
            taken.Add(await machine.BackupAsync());
        }

        await machine.WriteAsync("vda", 9, 20 * Grain, Grain);
        VMBackup onFull = await machine.BackupAsync(VMBackupKind.Differential);
        VMBackup onSecond = await machine.Engine.BackupAsync(
            TestMachine.Name, new BackupRequest { Repository = machine.Repository, Kind = VMBackupKind.Differential, Since = taken[1].Checkpoint }, machine.Report, CancellationToken.None);

        Assert.Equal([VMBackupKind.Differential, VMBackupKind.Differential], [onFull.Kind, onSecond.Kind]);
        Assert.Equal((taken[0].Id, 3 * Grain, 3), (onFull.Disks[0].ParentId!, onFull.Disks[0].CopiedBytes, onFull.Disks[0].Extents));
        Assert.Equal((taken[1].Id, 2 * Grain), (onSecond.Disks[0].ParentId!, onSecond.Disks[0].CopiedBytes));
        byte[] content = machine.Content(machine.DiskPath("vda"));
        await AssertRestoresAsync(machine, onFull, "vda", content);
        await AssertRestoresAsync(machine, onSecond, "vda", content);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ARawDiskOfAStoppedMachineIsComparedWithTheBackupBefore(bool besideTracked)
    {
        // Of a length that is no multiple of a grain.
        const int Length = (16 << 20) + 5 * 512;
        await using TestMachine machine = await TestMachine.CreateAsync(
            TestMachine.DiskSize, discard: false, null, besideTracked ? ["vda"] : [],
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{0}/raw.img'/><target dev='vdr' bus='virtio'/></disk>");
        byte[] content = new byte[Length];
        new Random(3).NextBytes(content.AsSpan(0, 5 << 20));
        string raw = Path.Combine(machine.Scratch, "raw.img");
        File.WriteAllBytes(raw, content);
        VMBackup first = await machine.BackupAsync();
        byte[] before = [.. content];
        content[3 * Grain + 7] ^= 1;
        content[^1] = 9;
        content.AsSpan((int)(10 * Grain), (int)(2 * Grain)).Clear();
        File.WriteAllBytes(raw, content);
        VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);
        VMBackup third = await machine.BackupAsync(VMBackupKind.Incremental);

        Assert.Equal(besideTracked, second.Checkpoint is not null);
        VMBackupDisk disk = second.Disks.Single(one => one.Name == "vdr"), nothing = third.Disks.Single(one => one.Name == "vdr");
        Assert.Equal((first.Id, true), (disk.ParentId!, disk.Compared));
        // Zeroes that are written out are data of a raw file.
        Assert.InRange(disk.CopiedBytes, Grain + 512, 4 * Grain);
        Assert.Equal((second.Id, 0L), (nothing.ParentId!, nothing.CopiedBytes));
        Assert.Contains("raw", disk.Reason, StringComparison.Ordinal);
        Assert.Empty(machine.Report.Warnings);
        await AssertRestoresAsync(machine, first, "vdr", before, Length);
        await AssertRestoresAsync(machine, third, "vdr", content, Length);
    }

    [SkippableFact]
    public async Task AParentThatCannotBeReadIsNoParent()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.RemoveAsync(first.Checkpoint!);
        // The tables lead nowhere; the header is whole.
        byte[] file = File.ReadAllBytes(first.Disks[0].Path);
        file.AsSpan(3 << 16, 8).Fill(0x7f);
        File.WriteAllBytes(first.Disks[0].Path, file);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync(VMBackupKind.Incremental));
        VMBackup second = await machine.BackupAsync();

        Assert.Equal(ErrorKind.CorruptData, refused.Kind);
        Assert.Equal((VMBackupKind.Full, false), (second.Disks[0].Kind, second.Disks[0].Compared));
        Assert.Contains("cannot be read", second.Disks[0].Reason, StringComparison.Ordinal);
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains(first.Id, StringComparison.Ordinal));
        await AssertRestoresAsync(machine, second, "vda", machine.Content(machine.DiskPath("vda")));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FirmwareVariablesAreStoredAndAMissingOrBrokenFileIsSaid(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string nvram = Path.Combine(machine.Scratch, "vars.fd");
        byte[] variables = RandomNumberGenerator.GetBytes(540_672);
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Update = true, Xml = machine.Xml().Replace("</os>", $"<nvram>{nvram}</nvram></os>", StringComparison.Ordinal) }, machine.Report, CancellationToken.None);
        if (running)
            await machine.StartAsync();
        VMBackup without = await machine.BackupAsync();
        File.WriteAllBytes(nvram, variables);
        VMBackup with = await machine.Engine.BackupAsync(TestMachine.Name, new BackupRequest { Repository = machine.Repository, Description = "before the update" }, machine.Report, CancellationToken.None);

        Assert.False(without.HasFirmware);
        Assert.True(with.HasFirmware);
        Assert.Equal("before the update", with.Description);
        string directory = Path.GetDirectoryName(with.Disks[0].Path)!;
        Assert.Equal(variables, File.ReadAllBytes(Path.Combine(directory, BackupManifestFirmware.FileName)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(variables)), BackupManifestFile.Read(directory).Firmware!.Hash);
        File.Delete(nvram);
        Directory.CreateDirectory(nvram);
        machine.Report.Warnings.Clear();
        Assert.False((await machine.BackupAsync()).HasFirmware);
    }

    [SkippableFact]
    public async Task FirmwareVariablesThatAreInNoFileAreSaidToBeLeftOut()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string xml = machine.Xml().Replace("</os>", "<nvram type='block'><source dev='/dev/vars'/></nvram></os>", StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Update = true, Xml = xml }, machine.Report, CancellationToken.None);
        Assert.False((await machine.BackupAsync()).HasFirmware);
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("names no file", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task ATpmIsSaidToBeLeftOut()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(TestMachine.DiskSize, discard: false, null, ["vda"], "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>");
        await machine.BackupAsync();
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("TPM", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task ADescriptionThatNoManifestHoldsIsRefusedBeforeAnythingIsTouched()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var request = new BackupRequest { Repository = machine.Repository, Description = new string('x', BackupManifestRules.LongestText + 1) };
        await Untouched.RefusedAsync(machine, () => machine.Engine.BackupAsync(TestMachine.Name, request, machine.Report, CancellationToken.None), BackupErrors.BackupDescriptionTooLong, "1025");
    }

    [SkippableFact]
    public async Task SeveralDisksAreCopiedAtOnceAndTheSpeedLimitHolds()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb", "vdc");
        foreach (string disk in machine.Disks)
            await machine.WriteAsync(disk, 7, 0, 8 << 20);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        VMBackup backup = await machine.Engine.BackupAsync(
            TestMachine.Name, new BackupRequest { Repository = machine.Repository, SpeedLimit = 4 << 20, Compress = true }, machine.Report, CancellationToken.None);
        // The first slice of time is free.
        Assert.True(clock.Elapsed.TotalSeconds > 0.9);
        Assert.Contains(machine.Report.Steps, step => step.Status.StartsWith("vda, vdb, vdc:", StringComparison.Ordinal));
        Assert.All(backup.Disks, disk => Assert.InRange(disk.StoredSize, 1, 2 << 20));
        Assert.Contains(machine.Report.Steps, step => step is { Remaining: not null, Done: > 0 } && step.Total >= step.Done);
        foreach (string disk in machine.Disks)
            await AssertRestoresAsync(machine, backup, disk, machine.Content(machine.DiskPath(disk)));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AThinDiskTakesNoRoomAndADiskOnASnapshotIsStoredWithAllBeneath(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(64L << 30, discard: false, null, ["vda"]);
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 60L << 30, Grain);
        await machine.WriteAsync("vda", 2, 5 * Grain, Grain);
        VMBackup thin = await machine.BackupAsync();
        await machine.SnapshotAsync("s", request => request with { DiskOnly = true });
        await machine.WriteAsync("vda", 3, 6 * Grain, Grain);
        VMBackup standing = await machine.BackupAsync(VMBackupKind.Copy);

        Assert.InRange(thin.Size, 2 * Grain, 2 << 20);
        Assert.Equal((2 * Grain, 2), (thin.Disks[0].CopiedBytes, thin.Disks[0].Extents));
        Assert.Equal((3 * Grain, 2), (standing.Disks[0].CopiedBytes, standing.Disks[0].Extents));
        if (running)
            await machine.StopAsync();
        Tool.Run("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "qcow2", await machine.ActivePathAsync("vda"), standing.Disks[0].Path);
    }

    private static async Task AssertRestoresAsync(TestMachine machine, VMBackup backup, string disk, byte[] content, int? length = null)
    {
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name,
            new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Disks = [disk], Destination = Path.Combine(machine.Scratch, Guid.NewGuid().ToString("N")) }, machine.Report, CancellationToken.None);
        Assert.True(content.AsSpan(0, length ?? content.Length).SequenceEqual(machine.Content(restored[0].Path)), $"disk {disk} differs");
    }
}
