using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

public sealed class BitmapCreationTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyTheBitmapIsMadeAndOurRecordGoesOn(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("ours");
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMCheckpoint made = await MakeAsync(machine, "theirs", "vda");
        Assert.Equal(("theirs", VMBitmapState.Foreign), (made.Name, Assert.Single(made.Disks, disk => disk.Name == "vda").State));
        Assert.Equal(VMBitmapState.NotCovered, made.Disks.Single(disk => disk.Name == "vdb").State);
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        Assert.Equal(["ours"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal([(0, Grain), (2 * Grain, Grain)], await machine.ChangesAsync("ours"));
        VMBitmap bitmap = Assert.Single(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None), bitmap => bitmap.Name == "theirs");
        Assert.Equal((VMBitmapState.Foreign, Grain), (bitmap.State, bitmap.Size));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        await machine.CheckpointAsync("next");
        Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
    }

    [SkippableFact]
    public async Task ATakenNameIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await MakeAsync(machine, "x");
        Assert.Equal(OperationErrors.BitmapExists, (await Assert.ThrowsAsync<MomentException>(() => MakeAsync(machine, "x"))).ErrorId);
        await machine.CheckpointAsync("y");
        await Assert.ThrowsAsync<MomentException>(() => MakeAsync(machine, "y"));
    }

    private static Task<VMCheckpoint> MakeAsync(TestMachine machine, string name, params string[] disks) => machine.Engine.CreateCheckpointAsync(
        TestMachine.Name, new CreateCheckpointRequest { Name = name, Disks = disks, NoMetadata = true }, machine.Report, CancellationToken.None);
}
