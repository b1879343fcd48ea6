using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>Checkpoints on real disks: rows C1, C3, C4, C5 and C7.</summary>
public sealed class CheckpointTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ChangesBetweenCheckpointsAreExactlyWhatWasWritten(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMCheckpoint monday = await machine.CheckpointAsync("monday");
        await machine.WriteAsync("vda", 2, 4 * Grain, Grain);
        VMCheckpoint tuesday = await machine.CheckpointAsync("tuesday");
        await machine.WriteAsync("vda", 3, 8 * Grain + 100, 10);

        Assert.Null(monday.Parent);
        Assert.Equal("monday", tuesday.Parent);
        Assert.True(tuesday.Current);
        Assert.Equal(VMBitmapState.Recording, tuesday.Disks[0].State);
        Assert.Equal([(4 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("monday"));
        Assert.Equal([(8 * Grain, Grain)], await machine.ChangesAsync("tuesday"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task AServerOfAnotherToolIsNoHindranceAndGoesOn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        // As a pull backup of libvirt has it.
        string socket = Path.Combine(machine.Scratch, "theirs");
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "nbd-server-start", $$$"""{"addr":{"type":"unix","data":{"path":"{{{socket}}}"} } }""", CancellationToken.None);
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block-export-add", """{"type":"nbd","id":"theirs","node-name":"mt-vda","name":"disk"}""", CancellationToken.None);
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 2 * Grain, Grain);
        await machine.CheckpointAsync("b");
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("a"));
        Assert.Equal("theirs", (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-block-exports", null, CancellationToken.None))[0].GetProperty("id").GetString());
        Assert.True(File.Exists(socket));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task TrackingGoesOnOverStopAndStart()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.StopAsync();
        await machine.WriteAsync("vda", 1, 2 * Grain, Grain);
        await machine.CheckpointAsync("b");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 4 * Grain, Grain);

        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("a"));
        Assert.Equal([(4 * Grain, Grain)], await machine.ChangesAsync("b"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task RemovingOneLosesNoLinkBetweenTheOthers(string removed)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string[] names = ["a", "b", "c"];
        for (int at = 0; at < names.Length; at++)
        {
            await machine.CheckpointAsync(names[at]);
            await machine.WriteAsync("vda", 7, 2 * at * Grain, Grain);
        }

        await machine.RemoveAsync(removed);

        for (int at = 0; at < names.Length; at++)
            if (names[at] != removed)
                Assert.Equal(Enumerable.Range(at, names.Length - at).Select(index => (2 * index * Grain, Grain)), await machine.ChangesAsync(names[at]));
        Assert.DoesNotContain(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None), bitmap => bitmap.Name == removed);
        await machine.CheckpointAsync(removed);
        await machine.StopAsync();
        Assert.Contains(await machine.MomentsAsync(), moment => moment.Name == removed && moment.Health == "OK");
    }

    [SkippableFact]
    public async Task RemovingTheLastLeavesNoBitmapBehind()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b", "vda");
        await machine.RemoveAsync("a", descendants: true);
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")));
    }

    [SkippableFact]
    public async Task AKillOfQemuMakesTheAnswerUnknownAndTheNextCheckpointStartsAnew()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 1, 2 * Grain, Grain);
        await machine.KillMachineAsync();
        await machine.StartAsync();

        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("vda", StringComparison.Ordinal));
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 1, 4 * Grain, Grain);
        Assert.Equal([(4 * Grain, Grain)], await machine.ChangesAsync("c"));
        await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("b"));
    }

    [SkippableFact]
    public async Task AnOlderCopyInTheImagesPlaceProvesNothingEvenUnderTheSameNames()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("nightly");
        await machine.WriteAsync("vda", 1, 0, Grain);
        File.Copy(machine.DiskPath("vda"), machine.DiskPath("copy"));
        await machine.RemoveAsync("nightly");
        await machine.WriteAsync("vda", 2, 8 * Grain, Grain);
        await machine.CheckpointAsync("nightly");
        File.Copy(machine.DiskPath("copy"), machine.DiskPath("vda"), overwrite: true);

        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("nightly"));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
    }

    [SkippableFact]
    public async Task ACopyFromBeforeARemovalProvesNothingOfWhatTheRemovalMerged()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("c");
        File.Copy(machine.DiskPath("vda"), machine.DiskPath("copy"));
        await machine.RemoveAsync("b");
        Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
        File.Copy(machine.DiskPath("copy"), machine.DiskPath("vda"), overwrite: true);

        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
    }

    [SkippableFact]
    public async Task TheNameOfARemovedCheckpointIsFreeAlthoughItsBitmapWasLostInACrash()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.StartAsync();
        await machine.KillMachineAsync();
        await machine.StartAsync();
        await machine.CheckpointAsync("b");
        await machine.RemoveAsync("a");
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
    }
}
