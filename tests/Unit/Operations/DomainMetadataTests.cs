using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>What is in the images beside the metadata, and how a machine with moments is forgotten (rows B4, B6).</summary>
public sealed class DomainMetadataTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ABitmapThatNoMomentNamesIsListedWithoutMetadata(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "foreign");
        await machine.CheckpointAsync("ours");
        if (running)
            await machine.StartAsync();

        VMMoment found = Assert.Single(await machine.Engine.GetMomentsAsync(TestMachine.Name, new MomentQuery { NoMetadata = true }, machine.Report, CancellationToken.None));
        Assert.Equal("foreign", found.Name);
        Assert.Null(found.Created);
        Assert.Equal(VMBitmapState.Foreign, found.Disks.Single(disk => disk.Name == "vda").State);
        Assert.Equal(["ours"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        MomentException taken = await Assert.ThrowsAsync<MomentException>(() => machine.CheckpointAsync("foreign"));
        Assert.Equal(OperationErrors.BitmapExists, taken.ErrorId);
        Assert.Equal(["ours"], (await machine.MomentsAsync()).Select(moment => moment.Name));
    }

    [SkippableFact]
    public async Task AnImageThatIsGoneDoesNotHideTheBitmapsOfTheOthers()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        File.Delete(machine.DiskPath("vda"));
        IReadOnlyList<VMMomentDisk> disks = Assert.Single(await machine.MomentsAsync()).Disks;
        Assert.Contains("'vda'", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        Assert.Equal([VMBitmapState.Unknown, VMBitmapState.Recording], disks.Select(disk => disk.State));
    }

    [SkippableFact]
    public async Task ADomainWithMomentsIsForgottenOnRequestWithItsBitmapsAndNotWhileItRuns()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.StartAsync();
        MomentException runs = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None));
        Assert.Equal(MachineErrors.VMRunning, runs.ErrorId);
        Assert.Single(await machine.MomentsAsync());
        await machine.StopAsync();
        MomentException has = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest(), machine.Report, CancellationToken.None));
        Assert.Equal(OperationErrors.DomainHasMoments, has.ErrorId);

        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None);
        Assert.Empty(await machine.Engine.GetBitmapsOfFileAsync(machine.DiskPath("vda"), CancellationToken.None));
        Assert.False(Directory.Exists(machine.StateDirectory));
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml() }, machine.Report, CancellationToken.None);
    }
}
