using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Machines;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// A snapshot that fails in this very process, or is cancelled: before its instant all is as it was, after it the machine goes on with its
/// new layers and nothing that was written is lost; the guest never stays frozen or stopped.
/// </summary>
public sealed class SnapshotFailureTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("intent", false, false)]
    [InlineData("files", false, false)]
    [InlineData("nodes", false, false)]
    [InlineData("transaction", false, false)]
    [InlineData("frozen", false, true)]
    [InlineData("close", false, true)]
    [InlineData("files", true, false)]
    [InlineData("nodes", true, false)]
    [InlineData("transaction", true, false)]
    [InlineData("frozen", true, true)]
    [InlineData("close", true, true)]
    public async Task AFailureTakesNothingAway(string step, bool memory, bool layered)
    {
        bool armed = false;
        await using TestMachine machine = await TestMachine.CreateAsync(
            passed =>
            {
                if (armed && passed == "snapshot-create:" + step)
                    throw new MomentException(OperationErrors.LayerChanging, "made up", "vda", "none");
            },
            "vda", "vdb");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);

        armed = true;
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.SnapshotAsync("s", request => request with { DiskOnly = !memory }));
        armed = false;

        Assert.Equal("made up", failure.Message);
        Assert.Equal(layered, machine.Report.Warnings.Any(warning => warning.Contains("new layers", StringComparison.Ordinal)));
        await AssertGoesOnAsync(machine, layered);
        Assert.Equal(layered ? machine.OverlayPath("s") : machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
        Assert.DoesNotContain(Directory.EnumerateFiles(machine.Scratch), file => file.EndsWith(".memory", StringComparison.Ordinal) || !layered && file.Contains(".s.", StringComparison.Ordinal));
        await machine.SnapshotAsync("s2");
        Assert.Equal([], await machine.ChangesAsync("s2"));
    }

    [SkippableTheory]
    [InlineData("files", false)]
    [InlineData("nodes", false)]
    [InlineData("nodes", true)]
    public async Task CancellingBeforeTheInstantUndoesAll(string step, bool memory)
    {
        using var cancel = new CancellationTokenSource();
        await using TestMachine machine = await TestMachine.CreateAsync(
            passed =>
            {
                if (passed == "snapshot-create:" + step)
                    cancel.Cancel();
            },
            "vda", "vdb");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);
        var request = new CreateSnapshotRequest { Name = "s", DiskOnly = !memory };

        Exception? ended = await Record.ExceptionAsync(() => machine.Engine.CreateSnapshotAsync(TestMachine.Name, request, machine.Report, cancel.Token));

        // Disks alone are frozen before a cancellation after the last wait is noticed; then the snapshot is there.
        bool taken = ended is null;
        Assert.True(taken || ended is OperationCanceledException, ended?.ToString());
        Assert.Equal(taken, (await machine.MomentsAsync()).Any(moment => moment.Name == "s"));
        Assert.Equal(taken ? machine.OverlayPath("s") : machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
        await AssertGoesOnAsync(machine, taken, taken ? ["before", "s"] : ["before"]);
    }

    [SkippableFact]
    public async Task TheGuestIsHeldStillForTheInstantAlone()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        await fleet.CheckpointAsync("a", "before");

        VMSnapshot quiet = await fleet.Engine.CreateSnapshotAsync("a", new CreateSnapshotRequest { Name = "quiet", DiskOnly = true, Quiesce = true }, fleet.Report, CancellationToken.None);

        Assert.Equal("OK", quiet.Health);
        Assert.False(agent.Frozen);
        Assert.Contains(agent.Heard, command => command == "guest-fsfreeze-freeze");
        agent.Heard.Clear();
        agent.Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-freeze" ? FakeGuestAgent.Error("GenericError", "no") : usual);
        await Assert.ThrowsAsync<MomentException>(() => fleet.Engine.CreateSnapshotAsync("a", new CreateSnapshotRequest { Name = "loud", DiskOnly = true, Quiesce = true }, fleet.Report, CancellationToken.None));
        Assert.False(agent.Frozen);
        Assert.Equal(["before", "quiet"], (await fleet.MomentsAsync("a")).Select(moment => moment.Name));
        Assert.DoesNotContain(Directory.EnumerateFiles(fleet.Scratch), file => file.Contains("loud", StringComparison.Ordinal));
    }

    private static async Task AssertGoesOnAsync(TestMachine machine, bool layered, params string[] moments)
    {
        Assert.True((await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None)).GetProperty("running").GetBoolean());
        Assert.Equal(0, (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-jobs", null, CancellationToken.None)).GetArrayLength());
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        Assert.Equal(moments.Length == 0 ? ["before"] : moments, (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Empty(await machine.TestAsync());
        await machine.WriteAsync("vda", 2, 4 * Grain, Grain);
        Assert.Equal([(0, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("before"));
        Assert.Equal(layered, await machine.ActivePathAsync("vdb") != machine.DiskPath("vdb"));
    }
}
