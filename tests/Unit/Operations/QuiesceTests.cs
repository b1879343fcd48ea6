using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Tests.Machines;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>Row C8: guests are held still around the instant, never silently not, and go on whatever happens.</summary>
[Trait("Proof", "crash")]
public sealed class QuiesceTests(ITestOutputHelper output)
{
    private static readonly string[] Conversation = ["guest-sync-delimited", "guest-fsfreeze-status", "guest-fsfreeze-freeze", "guest-sync-delimited", "guest-fsfreeze-thaw"];

    [SkippableFact]
    public async Task TheTransactionHappensWhileTheGuestIsFrozenAndTheRestAfterwards()
    {
        FakeGuestAgent? agent = null;
        Dictionary<string, bool> frozen = new(StringComparer.Ordinal);
        await using TestFleet fleet = await TestFleet.CreateAsync(step => frozen[step] = agent?.Frozen == true, channel: true, "a");
        await using (agent = await fleet.StartWithAgentAsync("a"))
        {
            await fleet.CheckpointAsync("a", "one", quiesce: true);
            Assert.Equal(Conversation, agent.Heard);
        }

        Assert.True(frozen["checkpoint-create:transaction"]);
        Assert.False(frozen["checkpoint-create:intent"]);
        Assert.False(frozen["checkpoint-create:capture"]);
        Assert.Contains(fleet.Report.Notes, note => note.StartsWith("2 file systems of 'a' stood still for ", StringComparison.Ordinal));
        Assert.Equal("OK", (await fleet.MomentsAsync("a")).Single().Health);
        await fleet.AssertNothingLeftAsync("after");
    }

    [SkippableFact]
    public async Task ABackupFreezesForTheInstantAlone()
    {
        FakeGuestAgent? agent = null;
        Dictionary<string, bool> frozen = new(StringComparer.Ordinal);
        await using TestFleet fleet = await TestFleet.CreateAsync(step => frozen[step] = agent?.Frozen == true, channel: true, "a");
        await using (agent = await fleet.StartWithAgentAsync("a"))
        {
            await fleet.Engine.BackupAsync("a", new BackupRequest { Repository = Path.Combine(fleet.Scratch, "backup"), Quiesce = true }, fleet.Report, CancellationToken.None);
            Assert.Equal(Conversation, agent.Heard);
        }

        Assert.False(frozen["backup:targets"]);
        Assert.True(frozen["quiesce:frozen"]);
        Assert.False(frozen["backup:capture"]);
    }

    [SkippableFact]
    public async Task AMachineThatStandsStillIsQuietByItself()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a");
        await fleet.CheckpointAsync("a", "stopped", quiesce: true);
        Assert.Contains(fleet.Report.Notes, note => note.Contains("'a' is stopped", StringComparison.Ordinal));
        await fleet.StartAsync("a");
        await fleet.CheckpointAsync("a", "paused", quiesce: true);
        Assert.Contains(fleet.Report.Notes, note => note.Contains("'a' is paused", StringComparison.Ordinal));
        Assert.Equal(2, (await fleet.MomentsAsync("a")).Count);
    }

    [SkippableFact]
    public async Task WithoutAChannelItIsRefused()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a");
        await fleet.StartAsync("a", paused: false);
        await RefusedAsync(fleet, GuestAgentErrors.GuestAgentMissing);
    }

    // QEMU serves the channel, and in the guest, which has no system, nobody listens.
    [SkippableFact]
    public async Task WithoutAnAgentInTheGuestItIsRefused()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, new GuestAgentOptions { AnswerTimeout = TimeSpan.FromSeconds(2) }, ["a"]);
        await fleet.StartAsync("a", paused: false);
        await RefusedAsync(fleet, GuestAgentErrors.GuestAgentSilent);
    }

    [SkippableFact]
    public async Task ARefusalOfTheGuestIsToldAndUndoesAll()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        agent.Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-freeze" ? FakeGuestAgent.Error("GenericError", "failed to freeze /") : usual);
        MomentException refused = await RefusedAsync(fleet, GuestAgentErrors.GuestAgentCommandFailed);
        Assert.Equal("GenericError", refused.PeerErrorClass);
        Assert.Contains("failed to freeze /", refused.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AGuestThatIsFrozenAlreadyIsLeftAlone()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        await using (GuestAgent other = await GuestAgent.ConnectAsync("a", fleet.AgentPath("a"), GuestAgentOptions.Default, CancellationToken.None))
            await other.FreezeAsync(CancellationToken.None);
        await RefusedAsync(fleet, OperationErrors.GuestAlreadyFrozen);
        Assert.True(agent.Frozen);
    }

    [SkippableFact]
    public async Task AFreezeThatIsTooSlowFailsAndIsThawed()
    {
        var impatient = new GuestAgentOptions { AnswerTimeout = TimeSpan.FromMinutes(1), FreezeTimeout = TimeSpan.FromSeconds(2), ThawTimeout = TimeSpan.FromMinutes(1) };
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, impatient, ["a"]);
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        agent.Answer = async (command, usual, end) =>
        {
            if (command == "guest-fsfreeze-freeze")
                await Task.Delay(3000, end);
            return usual;
        };
        await RefusedAsync(fleet, GuestAgentErrors.GuestAgentSilent);
        Assert.False(agent.Frozen);
    }

    [SkippableFact]
    public async Task CtrlCWhileItFreezesThawsAndUndoes()
    {
        using var stop = new CancellationTokenSource();
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        agent.Answer = async (command, usual, end) =>
        {
            if (command == "guest-fsfreeze-freeze")
            {
                await stop.CancelAsync();
                await Task.Delay(500, end);
            }

            return usual;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            fleet.Engine.CreateCheckpointAsync("a", new CreateCheckpointRequest { Name = "new", Quiesce = true }, fleet.Report, stop.Token));
        Assert.Contains("guest-fsfreeze-thaw", agent.Heard);
        Assert.False(agent.Frozen);
        Assert.Empty(await fleet.MomentsAsync("a"));
        await fleet.AssertNothingLeftAsync("after Ctrl-C");
    }

    [SkippableFact]
    public async Task AGuestThatSomebodyElseThawedWasNotQuiet()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        agent.Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-thaw" ? """{"return": 0}""" : usual);
        await RefusedAsync(fleet, OperationErrors.QuiesceLost);
    }

    [SkippableFact]
    public async Task AGuestThatCannotBeThawedIsToldAndTheNextCommandTriesAgain()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
        await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
        bool stuck = true;
        agent.Answer = (command, usual, _) => Task.FromResult<string?>(stuck && command == "guest-fsfreeze-thaw" ? FakeGuestAgent.Error("GenericError", "stuck") : usual);
        await fleet.CheckpointAsync("a", "one", quiesce: true);
        Assert.Contains(fleet.Report.Warnings, warning => warning.Contains("'a'", StringComparison.Ordinal) && warning.Contains("stuck", StringComparison.Ordinal));
        Assert.True(agent.Frozen);
        stuck = false;
        await fleet.CheckpointAsync("a", "two");
        Assert.False(agent.Frozen);
        await fleet.AssertNothingLeftAsync("after the second");
    }

    [SkippableFact]
    public async Task AnAttachedMachinesAgentIsTheOneOfItsDefinition()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a");
        string monitor = (await fleet.StartAsync("a", paused: false)).Monitor!, socket = Path.Combine(fleet.Scratch, "their-agent");
        await using var agent = new FakeGuestAgent(socket);
        string xml = fleet.Xml("a", $"<channel type='unix'><source mode='bind' path='{socket}'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>");
        await fleet.Engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "att", Xml = xml, Monitor = monitor }, fleet.Report, CancellationToken.None);
        await fleet.CheckpointAsync("att", "one", quiesce: true);
        Assert.Contains("guest-fsfreeze-freeze", agent.Heard);
        await fleet.Engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "bare", Xml = fleet.Xml("a", ""), Monitor = monitor }, fleet.Report, CancellationToken.None);
        MomentException missing = await Assert.ThrowsAsync<MomentException>(() => fleet.CheckpointAsync("bare", "two", quiesce: true));
        Assert.Equal(GuestAgentErrors.GuestAgentMissing, missing.ErrorId);
        Assert.Contains("attached", missing.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AProcessKilledAtAnyStepLeavesNoGuestFrozenForLong()
    {
        int held = 0;
        await CrashHarness.RunAsync(output, "quiesce", async (step, where) =>
        {
            await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: true, "a");
            await using FakeGuestAgent agent = await fleet.StartWithAgentAsync("a");
            if (!fleet.Dies(step, "a", "quiesce", "new"))
                return false;
            held += agent.Frozen ? 1 : 0;
            await fleet.CheckpointAsync("a", "after");
            Assert.False(agent.Frozen, where);
            await fleet.AssertNothingLeftAsync(where);
            return true;
        });
        // The steps of one day may miss those at which it is.
        if (CrashHarness.KillsEach)
            Assert.True(held >= 2, "no death found the guest frozen");
    }

    private static async Task<MomentException> RefusedAsync(TestFleet fleet, ErrorId id)
    {
        string before = await QemuAsync(fleet);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => fleet.CheckpointAsync("a", "new", quiesce: true));
        Assert.True(failure.ErrorId == id, $"expected {id.Name}, but: {failure}");
        Assert.Contains("'a'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, await QemuAsync(fleet));
        Assert.Empty(await fleet.MomentsAsync("a"));
        await fleet.AssertNothingLeftAsync(id.Name);
        Assert.Empty(fleet.Report.Warnings);
        return failure;
    }

    private static async Task<string> QemuAsync(TestFleet fleet)
    {
        JsonElement nodes = await fleet.Engine.InvokeQmpAsync("a", "query-named-block-nodes", """{"flat": true}""", CancellationToken.None);
        return string.Join('\n', nodes.EnumerateArray().Select(node => $"{node.GetProperty("node-name")} {(node.TryGetProperty("dirty-bitmaps", out JsonElement bitmaps) ? bitmaps.ToString() : "")}"));
    }
}
