using MomentTools.Moments;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>Branches and layers when the metadata travels, and when the images do.</summary>
public sealed class BranchReturnTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task AnExportHasAllBranchesAndAnImportTakesThemBack()
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        await BranchDrifts.EditAsync(machine, state => state.With(state.Branches["try"] with { Description = "said", Created = DateTimeOffset.UnixEpoch }).With(new Branch("other")));
        string xml = await machine.ExportAsync();
        DomainMoments before = BranchDrifts.StateOf(machine);
        Directory.Delete(machine.StateDirectory, recursive: true);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None);
        machine.Report.Warnings.Clear();
        await machine.ImportAsync(xml);
        Assert.Empty(machine.Report.Warnings);

        DomainMoments after = BranchDrifts.StateOf(machine);
        Assert.Equal(before.ActiveBranch, after.ActiveBranch);
        Assert.Equal(before.Branches.Values.OrderBy(branch => branch.Name, StringComparer.Ordinal), after.Branches.Values.OrderBy(branch => branch.Name, StringComparer.Ordinal));
        Assert.Equal(before.Disk("vda").Tips.OrderBy(tip => tip.Key, StringComparer.Ordinal), after.Disk("vda").Tips.OrderBy(tip => tip.Key, StringComparer.Ordinal));
        Assert.Equal(before.Disk("vda").Layers.Values.OrderBy(layer => layer.Id, StringComparer.Ordinal), after.Disk("vda").Layers.Values.OrderBy(layer => layer.Id, StringComparer.Ordinal));
        Assert.Empty(await machine.TestAsync());
        await AssertGoesOnAsync(machine);
    }

    [SkippableFact]
    public async Task WhatIsKeptForUndoDoesNotTravel()
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        await BranchDrifts.EditAsync(machine, state => state.RenameBranch("try", "mt-kept")
            .Forget([new MomentKey(MomentKind.Checkpoint, "b")], new KeptAside("k", "x", DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddHours(1), "mt-kept", "try", new MomentStore(machine.StateDirectory).FilesOf(state, [new MomentKey(MomentKind.Checkpoint, "b")]))));
        Assert.Empty(await machine.TestAsync());
        string xml = await machine.ExportAsync();
        Directory.Delete(machine.StateDirectory, recursive: true);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None);
        await machine.ImportAsync(xml);
        DomainMoments after = BranchDrifts.StateOf(machine);
        Assert.Equal("main", Assert.Single(after.Branches).Key);
        Assert.Empty(after.Kept);
        Assert.DoesNotContain(after.Disk("vda").Points.Values, point => point.Kept);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CopiesUnderTheSameNamesAreKnownAgain(bool written)
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        string xml = await machine.ExportAsync();
        DiskTracking disk = BranchDrifts.StateOf(machine).Disk("vda");
        foreach (TrackingLayer layer in disk.Layers.Values)
        {
            Tool.Run("cp", "--preserve=timestamps", layer.Path, layer.Path + ".copy");
            File.Move(layer.Path + ".copy", layer.Path, overwrite: true);
        }

        if (written)
            Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 9 30M 64k", machine.DiskPath("vda"));
        // Here, where nobody said that they were copied, they are other files.
        Assert.Equal("FrozenLayerWritten", Assert.Single(await machine.TestAsync()).Id);
        Directory.Delete(machine.StateDirectory, recursive: true);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None);
        machine.Report.Warnings.Clear();
        await machine.ImportAsync(xml);
        Assert.Empty(machine.Report.Warnings);
        if (written)
        {
            Assert.Equal("FrozenLayerWritten", Assert.Single(await machine.TestAsync()).Id);
            return;
        }

        Assert.Empty(await machine.TestAsync());
        await AssertGoesOnAsync(machine);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ImagesThatWereMovedAreKnownAgain(bool written)
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        string folder = Path.Combine(machine.Scratch, "elsewhere");
        Directory.CreateDirectory(folder);
        DiskTracking disk = BranchDrifts.StateOf(machine).Disk("vda");
        foreach (TrackingLayer layer in disk.Layers.Values)
            File.Move(layer.Path, Path.Combine(folder, Path.GetFileName(layer.Path)));
        string lowest = Path.Combine(folder, "vda.qcow2");
        foreach (TrackingLayer layer in disk.Layers.Values.Where(layer => layer.BackingId is not null))
            Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", lowest, "-F", "qcow2", Path.Combine(folder, Path.GetFileName(layer.Path)));
        if (written)
            Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 9 30M 64k", lowest);
        string xml = machine.Xml().Replace(machine.DiskPath("vda"), Path.Combine(folder, Path.GetFileName(disk.Layers[disk.ActiveTip!.LayerId].Path)), StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, machine.Report, CancellationToken.None);
        Assert.Empty(machine.Report.Warnings);
        Assert.All(BranchDrifts.StateOf(machine).Disk("vda").Layers.Values, layer => Assert.Equal(folder, Path.GetDirectoryName(layer.Path)));
        if (written)
        {
            Assert.Equal("FrozenLayerWritten", Assert.Single(await machine.TestAsync()).Id);
            return;
        }

        Assert.Empty(await machine.TestAsync());
        await AssertGoesOnAsync(machine);
    }

    [SkippableFact]
    public async Task ADefinitionWithTheImageOfABranchIsOnThatBranch()
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace(machine.DiskPath("vda"), BranchDrifts.PathOf(machine, "try"), StringComparison.Ordinal), Update = true }, machine.Report, CancellationToken.None);
        Assert.Contains("'try'", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        await AssertOnTryAsync(machine);
    }

    [SkippableFact]
    public async Task ARepairFindsTheBranchOfAnImageInTheDefinition()
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        string path = BranchDrifts.PathOf(machine, "try");
        await DriftMachine.EditAsync(machine, "domain.xml", System.Text.RegularExpressions.Regex.Escape(BranchDrifts.PathOf(machine, "main")), path);
        Assert.Equal("DiskChanged", Assert.Single(await machine.TestAsync()).Id);
        VMMomentRepair repair = Assert.Single(await machine.RepairAsync());
        Assert.Contains("branch 'try'", repair.Action, StringComparison.Ordinal);
        await AssertOnTryAsync(machine);
    }

    private static async Task AssertOnTryAsync(TestMachine machine)
    {
        DomainMoments state = BranchDrifts.StateOf(machine);
        Assert.Equal(("try", "try"), (state.ActiveBranch, state.Disk("vda").ActiveBranch));
        Assert.Empty(await machine.TestAsync());
        var forge = new SnapshotForge(machine);
        await forge.IoAsync("vda", "write -P 6 14M 64k");
        Assert.Equal([(224 * Grain, Grain)], await machine.ChangesAsync("t"));
    }

    // The present, both branches, and what changed across them.
    private static async Task AssertGoesOnAsync(TestMachine machine)
    {
        var forge = new SnapshotForge(machine);
        await forge.IoAsync("vda", "read -P 5 13M 64k");
        Assert.Equal([(8 * Grain, Grain), (208 * Grain, Grain)], await machine.ChangesAsync("b"));
        Assert.Equal(
            [(4 * Grain, Grain), (8 * Grain, Grain), (192 * Grain, Grain)],
            (await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, "a", "t", ["vda"], machine.Report, CancellationToken.None)).Select(run => (run.Offset, run.Length)));
        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", "read -P 4 12M 64k");
        await forge.IoAsync("vda", "write -P 6 14M 64k");
        Assert.Equal([(224 * Grain, Grain)], await machine.ChangesAsync("t"));
        await machine.CheckpointAsync("afterwards");
        Assert.Empty(await machine.TestAsync());
    }
}
