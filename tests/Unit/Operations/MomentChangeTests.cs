using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

public sealed class MomentChangeTests
{
    [SkippableFact]
    public async Task WordsAreChangedAndTakenAwayAndNothingElse()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 65536);
        await machine.CheckpointAsync("b");
        byte[] branch = await File.ReadAllBytesAsync(Path.Combine(machine.StateDirectory, "branches", "main.xml"));
        DateTimeOffset? created = (await machine.MomentsAsync())[0].Created;

        VMMoment said = await SetAsync(machine, new SetMomentRequest { Name = "checkpoint:a", Description = "before <the> upgrade & \"more\"" });
        Assert.Equal(("a", "before <the> upgrade & \"more\"", "OK"), (said.Name, said.Description, said.Health));
        VMMoment read = (await machine.MomentsAsync())[0];
        Assert.Equal(("before <the> upgrade & \"more\"", created), (read.Description, read.Created));
        Assert.Equal([(0, 65536)], await machine.ChangesAsync("a"));
        Assert.Equal(branch, await File.ReadAllBytesAsync(Path.Combine(machine.StateDirectory, "branches", "main.xml")));

        Assert.Null((await SetAsync(machine, new SetMomentRequest { Name = "a", Description = "" })).Description);
        Assert.DoesNotContain("description", await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "checkpoints", "a.xml")), StringComparison.Ordinal);
        Assert.Contains("<domain ", await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "checkpoints", "a.xml")), StringComparison.Ordinal);
    }

    // Lists show it, the next moment descends from it, and no answer becomes smaller by it.
    [SkippableFact]
    public async Task AMomentIsMadeCurrentAndTheAnswersStay()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 65536);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 2, 2 * 65536, 65536);
        Assert.True((await SetAsync(machine, new SetMomentRequest { Name = "a", Current = true, Description = "here" })).Current);
        Assert.Equal([("a", true), ("b", false)], (await machine.MomentsAsync()).Select(moment => (moment.Name, moment.Current)));
        Assert.Equal("a", (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Current);
        Assert.Equal([(0, 65536), (2 * 65536, 65536)], await machine.ChangesAsync("a"));
        Assert.Equal([(2 * 65536, 65536)], await machine.ChangesAsync("b"));
        VMCheckpoint next = await machine.CheckpointAsync("c");
        Assert.Equal(("a", true), (next.Parent, next.Current));
        Assert.Equal(["a", "b", "c"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal([(0, 65536), (2 * 65536, 65536)], await machine.ChangesAsync("a"));
        Assert.Equal([(2 * 65536, 65536)], await machine.ChangesAsync("b"));
        Assert.Empty(await machine.ChangesAsync("c"));
    }

    [SkippableFact]
    public async Task WhatMakesNoSenseIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await Expect.FailsAsync(OperationErrors.NothingToSet, () => SetAsync(machine, new SetMomentRequest { Name = "a" }));
        await Expect.FailsAsync(MomentErrors.MomentNotFound, () => SetAsync(machine, new SetMomentRequest { Name = "nosuch", Description = "x" }));
        await Expect.FailsAsync(XmlErrors.XmlTextInvalid, () => SetAsync(machine, new SetMomentRequest { Name = "a", Description = "bell \a" }));
        Assert.Null((await machine.MomentsAsync())[0].Description);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    private static Task<VMMoment> SetAsync(TestMachine machine, SetMomentRequest request) =>
        machine.Engine.SetMomentAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
}
