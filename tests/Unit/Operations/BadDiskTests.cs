using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

/// <summary>Disks that cannot be tracked, opened or had: refused by name before anything is touched (row C2).</summary>
public sealed class BadDiskTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnImageOfVersion2IsRefusedWithTheWayOut(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", machine.DiskPath("vdb"), "64M");
        if (running)
            await machine.StartAsync();
        foreach (Func<Task> door in Doors(machine))
        {
            MomentException failure = await Untouched.RefusedAsync(machine, door, XmlErrors.CheckpointDiskUnsupported, "'vdb'", machine.DiskPath("vdb"), "version 2");
            Assert.Contains("qemu-img amend -f qcow2 -o compat=1.1", failure.Advice, StringComparison.Ordinal);
        }

        Assert.Equal(["vda"], (await machine.CheckpointAsync("one", "vda")).Disks.Where(disk => disk.State == VMBitmapState.Recording).Select(disk => disk.Name));
        if (running)
            await machine.StopAsync();
        Tool.Run("qemu-img", "amend", "-f", "qcow2", "-o", "compat=1.1", machine.DiskPath("vdb"));
        await machine.CheckpointAsync("both");
    }

    [SkippableFact]
    public async Task ARawDiskTakesNoCheckpointAndIsBackedUpWithoutOne()
    {
        await using TestMachine machine = await WithOtherAsync("raw", "<driver name='qemu' type='raw'/>");
        await Untouched.RefusedAsync(machine, () => CheckpointOtherAsync(machine), XmlErrors.CheckpointDiskUnsupported, "'vda'", "'raw'");
        VMBackup backup = await BackupOtherAsync(machine);
        Assert.Null(backup.Checkpoint);
        Assert.Empty(await machine.MomentsAsync());
    }

    [SkippableFact]
    public async Task ADiskWithoutAFormatIsNotGuessedAt()
    {
        await using TestMachine machine = await WithOtherAsync("qcow2", "");
        MomentException failure = await Untouched.RefusedAsync(machine, () => CheckpointOtherAsync(machine), XmlErrors.CheckpointDiskUnsupported, "'vda'", "never guessed");
        Assert.Contains("type='qcow2'", failure.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ARawFileThatIsSaidToBeQcow2IsRefused()
    {
        await using TestMachine machine = await WithOtherAsync("raw", "<driver name='qemu' type='qcow2'/>");
        await Untouched.RefusedAsync(machine, () => CheckpointOtherAsync(machine), Qcow2Errors.Qcow2NotRecognised, Other(machine));
        await Untouched.RefusedAsync(machine, () => BackupOtherAsync(machine), Qcow2Errors.Qcow2NotRecognised, Other(machine));
    }

    [SkippableFact]
    public async Task AMissingImageIsNamed()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("before");
        File.Move(machine.DiskPath("vdb"), machine.DiskPath("away"));
        foreach (Func<Task> door in Doors(machine))
            await Untouched.RefusedAsync(machine, door, DiskErrors.DiskMissing, "'vdb'", machine.DiskPath("vdb"));
        File.Move(machine.DiskPath("away"), machine.DiskPath("vdb"));
        await machine.CheckpointAsync("after");
    }

    [SkippableFact]
    public async Task AnImageInSomebodysHandsIsLeftToHimAndHeIsNamed()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("before");
        using Process holder = NbdHolder.Start(machine.DiskPath("vda"), Path.Combine(machine.Scratch, "held"));
        try
        {
            foreach (Func<Task> door in Doors(machine))
                await Untouched.RefusedAsync(machine, door, DiskErrors.DiskLocked, machine.DiskPath("vda"), $"{holder.Id}");
            await Untouched.RefusedAsync(machine, () => machine.RemoveAsync("before"), DiskErrors.DiskLocked, machine.DiskPath("vda"));
        }
        finally
        {
            holder.Kill();
            await holder.WaitForExitAsync();
        }
    }

    private static Func<Task>[] Doors(TestMachine machine) => [() => machine.CheckpointAsync("new"), () => machine.BackupAsync()];

    private static string Other(TestMachine machine) => Path.Combine(machine.Scratch, "other.img");

    private static async Task<TestMachine> WithOtherAsync(string format, string driver)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "create", "-q", "-f", format, Other(machine), "64M");
        string xml = $"<domain type='qemu'><name>other</name><memory>65536</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>{driver}<source file='{Other(machine)}'/><target dev='vda' bus='virtio'/></disk></devices></domain>";
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None);
        return machine;
    }

    private static Task<VMCheckpoint> CheckpointOtherAsync(TestMachine machine) =>
        machine.Engine.CreateCheckpointAsync("other", new CreateCheckpointRequest { Name = "new" }, machine.Report, CancellationToken.None);

    private static Task<VMBackup> BackupOtherAsync(TestMachine machine) =>
        machine.Engine.BackupAsync("other", new BackupRequest { Repository = machine.Repository }, machine.Report, CancellationToken.None);
}
