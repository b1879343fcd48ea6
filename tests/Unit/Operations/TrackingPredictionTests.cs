using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>What the domain object says of a disk is what a real checkpoint and two real backups then do.</summary>
public sealed class TrackingPredictionTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("qcow2 v3", true, null)]
    [InlineData("external data file", true, null)]
    [InlineData("qcow2 v2", false, "version 2")]
    [InlineData("raw", false, "raw")]
    [InlineData("read-only", false, "read-only")]
    [InlineData("encrypted", false, "encrypted")]
    [InlineData("cdrom", false, "cdrom")]
    [InlineData("no driver type", false, "does not say its format")]
    [InlineData("missing file", false, "does not exist")]
    public async Task TheAnswerPredictsWhetherAnIncrementWorks(string kind, bool works, string? reason)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vdx");
        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest(), machine.Report, CancellationToken.None);
        string path = machine.DiskPath("vdx");
        File.Delete(path);
        string xml = machine.Xml();
        switch (kind)
        {
            case "qcow2 v2":
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", path, "8M");
                break;
            case "raw":
                Tool.Run("qemu-img", "create", "-q", "-f", "raw", path, "8M");
                xml = xml.Replace("type='qcow2'", "type='raw'", StringComparison.Ordinal);
                break;
            case "encrypted":
                // Not LUKS: qemu-img measures the processor's time for its keys, and gives up where the system counts it coarsely.
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=s", path, "8M");
                break;
            case "external data file":
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={path}.data", path, "8M");
                break;
            case "missing file":
                break;
            default:
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", path, "8M");
                xml = kind switch
                {
                    "read-only" => xml.Replace("<target dev='vdx'", "<readonly/><target dev='vdx'", StringComparison.Ordinal),
                    "cdrom" => xml.Replace("device='disk'", "device='cdrom'", StringComparison.Ordinal).Replace("bus='virtio'", "bus='sata'", StringComparison.Ordinal),
                    "no driver type" => xml.Replace(" type='qcow2'", "", StringComparison.Ordinal),
                    _ => xml,
                };
                break;
        }

        VMDisk disk = Assert.Single((await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None)).Disks);
        Assert.Equal(works ? VMDiskTracking.Ready : VMDiskTracking.Impossible, disk.Tracking);
        Assert.Equal(works, disk.Trackable);
        Assert.Contains(reason ?? "", disk.TrackingReason, StringComparison.Ordinal);
        Assert.Equal(works, await WorksAsync(machine));
        if (works)
            Assert.Equal(VMDiskTracking.Recorded, await TrackingAsync(machine));
    }

    [SkippableFact]
    public async Task ItFollowsTheDisksLife()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda");
        Assert.Equal(VMDiskTracking.Ready, await TrackingAsync(machine));
        await machine.CheckpointAsync("a");
        Assert.Equal(VMDiskTracking.Recorded, await TrackingAsync(machine));
        await machine.StartAsync();
        VMDisk recorded = Assert.Single((await DomainAsync(machine)).Disks);
        Assert.Equal((VMDiskTracking.Recorded, "Recorded since 'a'."), (recorded.Tracking, recorded.TrackingReason));
        await machine.KillMachineAsync();
        VMDisk lost = Assert.Single((await DomainAsync(machine)).Disks);
        Assert.Equal(VMDiskTracking.Lost, lost.Tracking);
        Assert.Contains("since 'a' is not known", lost.TrackingReason, StringComparison.Ordinal);
        await machine.CheckpointAsync("b");
        Assert.Equal(VMDiskTracking.Recorded, await TrackingAsync(machine));
        await machine.RemoveAsync("a", descendants: true);
        Assert.Equal(VMDiskTracking.Ready, await TrackingAsync(machine));
    }

    private static async Task<bool> WorksAsync(TestMachine machine)
    {
        try
        {
            await machine.CheckpointAsync("a", "vdx");
            await machine.BackupAsync();
            await machine.WriteAsync("vdx", 1, Grain, Grain);
            VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);
            IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
            return Assert.Single(second.Disks).Kind == VMBackupKind.Incremental && machine.Content(machine.DiskPath("vdx")).AsSpan().SequenceEqual(machine.Content(restored[0].Path));
        }
        catch (MomentException)
        {
            return false;
        }
    }

    private static Task<VMDomain> DomainAsync(TestMachine machine) => machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    private static async Task<VMDiskTracking> TrackingAsync(TestMachine machine) => Assert.Single((await DomainAsync(machine)).Disks).Tracking;
}
