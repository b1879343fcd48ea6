using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Machines;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

/// <summary>Row C1, several machines at once: one checkpoint on each, or none on any.</summary>
public sealed class CheckpointGroupTests
{
    private const long Grain = TestFleet.Grain;

    [SkippableFact]
    public async Task RunningAndStoppedMachinesGetTheirsTogether()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a", "b", "c");
        await fleet.StartAsync("b");
        await fleet.CheckpointAsync("c", "earlier");
        IReadOnlyList<VMCheckpoint> made = await fleet.GroupAsync("x", "c", "a", "b");
        foreach (string name in fleet.Names)
            await fleet.WriteAsync(name, 1, 2 * Grain);

        Assert.Equal(["c", "a", "b"], made.Select(one => one.VM));
        Assert.All(made, one => Assert.Equal(("x", "OK", true), (one.Name, one.Health, one.Current)));
        string group = Assert.Single(made.Select(one => one.Group).Distinct())!;
        Assert.Equal("earlier", made[0].Parent);
        Assert.Null(((VMCheckpoint)(await fleet.MomentsAsync("c"))[0]).Group);
        foreach (string name in fleet.Names)
        {
            VMMoment listed = (await fleet.MomentsAsync(name)).Single(moment => moment.Name == "x");
            Assert.Equal((group, made.Single(one => one.VM == name).Created), (((VMCheckpoint)listed).Group, listed.Created));
            Assert.Equal([(2 * Grain, Grain)], await fleet.ChangesAsync(name, "x"));
        }

        Assert.Contains(fleet.Report.Notes, note => note.Contains(group, StringComparison.Ordinal) && note.EndsWith(" ms.", StringComparison.Ordinal));
        Assert.True(made.Max(one => one.Created) - made.Min(one => one.Created) < TimeSpan.FromSeconds(1));
        await fleet.AssertNothingLeftAsync("after");
    }

    [SkippableFact]
    public async Task WithoutANameAllGetTheSame()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a", "b");
        IReadOnlyList<VMCheckpoint> made = await fleet.GroupAsync(new CreateCheckpointRequest(), "a", "b");
        Assert.Equal(made[0].Name, made[1].Name);
    }

    [SkippableFact]
    public async Task WhatCannotBeIsRefusedBeforeAnyIsTouched()
    {
        List<string> steps = [];
        await using TestFleet fleet = await TestFleet.CreateAsync(steps.Add, channel: false, "a", "b");
        await fleet.StartAsync("a", paused: false);
        await fleet.CheckpointAsync("b", "taken");
        await fleet.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = fleet.Xml("raw", "").Replace("qcow2", "raw", StringComparison.Ordinal) }, fleet.Report, CancellationToken.None);
        steps.Clear();

        await RefusedAsync(fleet, OperationErrors.GroupInvalid, new CreateCheckpointRequest { Name = "x" }, "'a'", "a", "b", "a");
        await RefusedAsync(fleet, OperationErrors.GroupInvalid, new CreateCheckpointRequest { Name = "x" }, "no machine");
        await RefusedAsync(fleet, MomentErrors.MomentExists, new CreateCheckpointRequest { Name = "taken" }, "'b'", "a", "b");
        await RefusedAsync(fleet, MomentTools.Machines.MachineErrors.VMNotFound, new CreateCheckpointRequest { Name = "x" }, "'nobody'", "a", "b", "nobody");
        await RefusedAsync(fleet, XmlErrors.CheckpointDiskUnsupported, new CreateCheckpointRequest { Name = "x" }, "'raw'", "a", "raw");
        await RefusedAsync(fleet, XmlErrors.CheckpointWithoutDisk, new CreateCheckpointRequest { Name = "x", TrackableOnly = true }, "'raw'", "a", "raw");
        await RefusedAsync(fleet, XmlErrors.DiskNotInDomain, new CreateCheckpointRequest { Name = "x", Disks = ["vdb"] }, "vdb", "a", "b");
        await RefusedAsync(fleet, MomentTools.Machines.GuestAgentErrors.GuestAgentMissing, new CreateCheckpointRequest { Name = "x", Quiesce = true }, "'a'", "a", "b");
        Assert.Empty(steps);
        Assert.Empty(await fleet.MomentsAsync("a"));
        Assert.Single(await fleet.MomentsAsync("b"));
        await fleet.AssertNothingLeftAsync("refused");
    }

    [SkippableFact]
    public async Task AllGuestsAreFrozenBeforeTheFirstIsTakenAndThawedAfterTheLast()
    {
        List<(string Step, int Frozen)> steps = [];
        List<FakeGuestAgent> agents = [];
        await using TestFleet fleet = await TestFleet.CreateAsync(step =>
        {
            lock (steps)
                steps.Add((step, agents.Count(agent => agent.Frozen)));
        }, channel: true, "a", "b");
        foreach (string name in fleet.Names)
            agents.Add(await fleet.StartWithAgentAsync(name));
        await fleet.GroupAsync(new CreateCheckpointRequest { Name = "x", Quiesce = true }, "a", "b");
        Assert.All(steps.Where(step => step.Step == "checkpoint-group:transaction"), step => Assert.Equal(2, step.Frozen));
        Assert.All(steps.Where(step => step.Step == "checkpoint-group:capture"), step => Assert.Equal(0, step.Frozen));
        Assert.Equal(2, fleet.Report.Notes.Count(note => note.Contains("stood still for", StringComparison.Ordinal)));
        await fleet.AssertNothingLeftAsync("after");

        // The second refuses: the first is thawed, and nobody keeps a checkpoint.
        agents[1].Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-freeze" ? FakeGuestAgent.Error("GenericError", "no") : usual);
        await RefusedAsync(fleet, MomentTools.Machines.GuestAgentErrors.GuestAgentCommandFailed, new CreateCheckpointRequest { Name = "y", Quiesce = true }, "'b'", "a", "b");
        Assert.DoesNotContain(agents, agent => agent.Frozen);
        Assert.Contains("guest-fsfreeze-thaw", agents[0].Heard);
        foreach (string name in fleet.Names)
            Assert.Single(await fleet.MomentsAsync(name));
        await fleet.AssertNothingLeftAsync("after the refusal");
        foreach (FakeGuestAgent agent in agents)
            await agent.DisposeAsync();
    }

    [SkippableFact]
    public async Task AGroupWaitsForAMachineThatIsBeingChanged()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a", "b");
        using FileLock held = await DomainLock.TakeAsync(fleet.StateDirectory("b"), "Backup-VMDomain", TimeSpan.Zero, CancellationToken.None);
        var hasty = new MomentEngine(new MomentEngineOptions { StateRoot = fleet.StateRoot, RuntimeRoot = fleet.RuntimeRoot, LockTimeout = TimeSpan.FromMilliseconds(200) });
        MomentException busy = await Assert.ThrowsAsync<MomentException>(() => hasty.CreateCheckpointGroupAsync(["b", "a"], new CreateCheckpointRequest { Name = "x" }, fleet.Report, CancellationToken.None));
        Assert.Equal(FileErrors.LockBusy, busy.ErrorId);
        Assert.Contains($"process {Environment.ProcessId} holds it for 'Backup-VMDomain'", busy.Message, StringComparison.Ordinal);
        Assert.Empty(await fleet.MomentsAsync("a"));
    }

    [SkippableFact]
    public async Task GroupsThatOverlapWaitForEachOther()
    {
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a", "b", "c");
        await fleet.StartAsync("b");
        foreach (string name in fleet.Names)
        {
            await fleet.CheckpointAsync(name, "first");
            await fleet.WriteAsync(name, 1, 0);
        }

        (string Vms, string Name)[] groups = [("a,b,c", "left"), ("c,b", "right"), ("b,a", "third"), ("c,a", "fourth")];
        (int Exit, string Printed, string Error)[] ended = await Task.WhenAll(groups.Select(group => Task.Run(() => fleet.RunApart(group.Vms, "group", group.Name))));
        Assert.All(ended, one => Assert.True(one.Exit == 0, one.Error));
        foreach (string name in fleet.Names)
        {
            IReadOnlyList<VMMoment> moments = await fleet.MomentsAsync(name);
            Assert.Equal(groups.Where(group => group.Vms.Contains(name, StringComparison.Ordinal)).Select(group => group.Name).Append("first").Order(), moments.Select(moment => moment.Name).Order());
            Assert.Equal(moments.Count, moments.Select(moment => moment.Parent).Distinct().Count());
            Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
            Assert.Equal([(0, Grain)], await fleet.ChangesAsync(name, "first"));
            Assert.Empty(await fleet.ChangesAsync(name, name == "b" ? "third" : "fourth"));
        }

        await fleet.AssertNothingLeftAsync("after");
    }

    private static async Task RefusedAsync(TestFleet fleet, ErrorId id, CreateCheckpointRequest request, string named, params string[] names)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => fleet.GroupAsync(request, names));
        Assert.True(failure.ErrorId == id, $"expected {id.Name}, but: {failure}");
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
    }
}
