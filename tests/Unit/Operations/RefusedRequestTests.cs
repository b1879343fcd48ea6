using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Foreign;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Operations.Branches;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Requests that contradict themselves or the machine: refused with what was meant, and nothing is touched.</summary>
public sealed class RefusedRequestTests
{
    [SkippableFact]
    public async Task BitmapsWithoutMetadataAreNeitherQuietNorOfAGroup()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var bare = new CreateCheckpointRequest { Name = "bare", NoMetadata = true };
        MomentException quiet = await Untouched.RefusedAsync(
            machine, () => machine.Engine.CreateCheckpointAsync(TestMachine.Name, bare with { Quiesce = true }, machine.Report, CancellationToken.None), OperationErrors.NoMetadataAlone, $"'{TestMachine.Name}'");
        Assert.Contains("-Quiesce", quiet.Advice, StringComparison.Ordinal);
        MomentException group = await Untouched.RefusedAsync(
            machine, () => machine.Engine.CreateCheckpointGroupAsync([TestMachine.Name], bare, machine.Report, CancellationToken.None), OperationErrors.NoMetadataAlone, "group");
        Assert.Contains("-Group", group.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task SeveralBitmapsAreNotOneCheckpoint()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        foreach (string name in (string[])["one", "two"])
            Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), name);
        var request = new ImportBitmapsRequest
        {
            Bitmaps = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal) { ["one"] = [], ["two"] = [] }, Name = "monday",
        };
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.ImportBitmapsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None), ForeignErrors.BitmapAmbiguous, "2 bitmaps", "'monday'", $"'{TestMachine.Name}'");
        Assert.Equal(2, (await machine.Engine.ImportBitmapsAsync(TestMachine.Name, request with { Name = null }, machine.Report, CancellationToken.None)).Count);
    }

    [SkippableFact]
    public async Task WhatANewerVersionBeganIsLeftToIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        Journal.Begin(machine.StateDirectory, "0123456789ab", "time-travel", [], null).Dispose();
        await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync("b"), OperationErrors.OperationUnknown, "'time-travel'", "0123456789ab");
        // Whoever only looks is not kept from it.
        Assert.Equal(["a"], (await machine.MomentsAsync()).Select(moment => moment.Name));
    }

    [SkippableFact]
    public async Task IntoASnapshotOfAnotherBranchNothingIsMerged()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.FreezeAsync("root");
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("try", "root");
        await machine.SwitchAsync("try");
        MomentException failure = await Untouched.RefusedAsync(
            machine, () => machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None), LayerErrors.MergeNothingAbove, "'clean'", "'try'");
        Assert.Contains("Switch-VMBranch", failure.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AMachineWithoutDisksThatChangeHasNoBlockSnapshot()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string xml = machine.Xml().Replace("<target", "<readonly/><target", StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, machine.Report, CancellationToken.None);
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = "tonight" }, machine.Report, CancellationToken.None),
            BlockSnapshotErrors.BlockSnapshotWithoutDisk, "'tonight'", $"'{TestMachine.Name}'");
    }
}
