using System.Globalization;
using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>Trees with several branches: what is shared stays, what is not goes, and a base is never lost.</summary>
public sealed class LayerTreeTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AForkKeepsItsLayerUntilOneBranchIsGone(bool running)
    {
        await using LayerMachine machine = await ForkedAsync();
        if (running)
            await machine.Machine.StartAsync();
        CollectorOutcome kept = await machine.ForgetAsync("one");
        Assert.Equal(["2 layers stand on it"], kept.Stays.Select(stay => stay.Step.Reason));
        Assert.Empty(kept.Removed);
        await machine.AssertSoundAsync("with the fork");
        await machine.DropAsync("main");
        CollectorOutcome merged = await machine.CollectAsync();
        Assert.Equal(2, merged.Removed.Count);
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
        await machine.AssertSoundAsync("with one branch");
        await machine.WriteAsync(21, 60);
        await machine.CheckpointAsync("later");
        await machine.AssertSoundAsync("later");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AForkIsCopiedIntoItsBranchesAndGoes(bool running)
    {
        await using LayerMachine machine = await ForkedAsync();
        if (running)
            await machine.Machine.StartAsync();
        CollectorOutcome outcome = await machine.ForgetAsync("one", new CollectorLimits { Merge = true, Pull = true });
        Assert.Empty(outcome.Stays);
        await machine.AssertSoundAsync("pulled");
        if (running)
            await machine.Machine.StopAsync();
        await machine.SwitchAsync("main");
        await machine.AssertSoundAsync("on main");
        await machine.WriteAsync(22, 61);
        await machine.CheckpointAsync("later");
        await machine.AssertSoundAsync("later on main");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALayerOfABranchThatIsNotActiveIsMergedAndItsChildrenStandOnTheResult(bool running)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("root");
        await machine.WriteAsync(2, 2, 4);
        await machine.SnapshotAsync("gone");
        await machine.WriteAsync(3, 3, 4);
        await machine.SnapshotAsync("kept");
        await machine.WriteAsync(4, 4, 4);
        await machine.ForkAsync("kept", "first", "second");
        await machine.WriteAsync(5, 5, 4);
        await machine.ForkAsync("root", "second", "third");
        await machine.WriteAsync(6, 6, 4);
        await machine.AssertSoundAsync("before");
        if (running)
            await machine.Machine.StartAsync();
        string frozen = Hash(machine.PathOf("root"));
        CollectorOutcome outcome = await machine.ForgetAsync("gone");
        Assert.Single(outcome.Removed);
        Assert.Equal(frozen, Hash(machine.PathOf("root")));
        await machine.AssertSoundAsync("merged");
        if (running)
            await machine.Machine.StopAsync();
        foreach (string branch in (string[])["first", "second", "third"])
        {
            await machine.SwitchAsync(branch);
            await machine.AssertSoundAsync($"on {branch}");
            await machine.WriteAsync(7, 7);
            await machine.CheckpointAsync($"after-{branch}");
            await machine.AssertSoundAsync($"later on {branch}");
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MergeEndsWhatIsBetween(bool running)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        if (running)
            await machine.Machine.StartAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("root");
        await machine.WriteAsync(2, 2, 8);
        await machine.SnapshotAsync("a");
        await machine.CheckpointAsync("stays");
        await machine.WriteAsync(3, 4, 8);
        await machine.SnapshotAsync("b");
        await machine.WriteAsync(4, 6, 8);
        var request = new MergeSnapshotRequest { Name = "a" };
        VMSnapshotRemoval plan = await machine.Engine.PlanSnapshotMergeAsync(TestMachine.Name, request, machine.Machine.Report, CancellationToken.None);
        Assert.Equal(["b", "a"], plan.Moments.Select(moment => moment.Name));
        Assert.Equal(["root", "stays"], plan.Stays.Order(StringComparer.Ordinal));
        Assert.Equal(["Merge", "Merge"], plan.Files.Select(file => file.Action));
        string target = machine.PathOf("a");
        Assert.Equal(2, (await machine.Engine.MergeSnapshotAsync(TestMachine.Name, request, machine.Machine.Report, CancellationToken.None)).Count);
        Assert.Equal(target, machine.ActivePath);
        Assert.Equal([], plan.Files.Select(file => file.Path).Where(File.Exists));
        await machine.AssertSoundAsync("merged");
    }

    [SkippableFact]
    public async Task MergeRefusesWhereABranchStandsAndNamesIt()
    {
        await using LayerMachine machine = await ForkedAsync();
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() =>
            machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "one" }, machine.Machine.Report, CancellationToken.None));
        Assert.Equal("MergeWouldEndBranches", refused.ErrorId.Name);
        Assert.Contains("branch 'main'", refused.Message, StringComparison.Ordinal);
        await machine.AssertSoundAsync("refused");
        await machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "one", Force = true }, machine.Machine.Report, CancellationToken.None);
        await machine.AssertSoundAsync("forced");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IncrementsGoOnAcrossRemovals(bool running)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        if (running)
            await machine.Machine.StartAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.Machine.BackupAsync();
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(3, 8, 8);
        await machine.Machine.BackupAsync();
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(4, 2, 2);
        foreach (string name in (string[])["one", "two"])
        {
            await machine.ForgetAsync(name);
            await machine.WriteAsync(5, name == "one" ? 40 : 44);
            VMBackup backup = await machine.Machine.BackupAsync();
            Assert.Equal(VMBackupKind.Incremental, backup.Kind);
            IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = machine.Machine.Repository, Destination = Path.Combine(machine.Machine.Scratch, "restored-" + name) }, machine.Machine.Report, CancellationToken.None);
            if (running)
                await machine.Machine.IoAsync(LayerMachine.Disk, "flush");
            Assert.Equal(machine.Read(machine.ActivePath), machine.Read(restored[0].Path));
        }
    }

    [SkippableFact]
    public async Task EverySnapshotMayGoAtOnce()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(3, 8, 8);
        await machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "one" }, machine.Machine.Report, CancellationToken.None);
        await machine.AssertSoundAsync("all gone");
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
    }

    [SkippableFact]
    public async Task AMergeThatIsStoppedLeavesEverythingAsItWas()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        await machine.Machine.StartAsync();
        string overlay = machine.ActivePath;
        using var stop = new CancellationTokenSource();
        machine.Machine.Report.Progressed = _ => stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "one", UndoFor = TimeSpan.Zero }, machine.Machine.Report, stop.Token));
        machine.Machine.Report.Progressed = null;
        Assert.Equal(overlay, machine.ActivePath);
        await machine.AssertSoundAsync("stopped");
        await machine.CollectAsync();
        Assert.NotEqual(overlay, machine.ActivePath);
        await machine.AssertSoundAsync("merged after all");
    }

    [SkippableFact]
    public async Task WhatIsKeptForUndoGoesWhenItIsLetGo()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        string overlay = machine.ActivePath;
        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "one" }, machine.Machine.Report, CancellationToken.None);
        Assert.True(File.Exists(overlay));
        Assert.Single(machine.State.Kept);
        await machine.AssertSoundAsync("kept");
        IReadOnlyList<VMLayerChange> gone = await machine.Engine.RemoveKeptAsync(TestMachine.Name, acceptOwner: false, machine.Machine.Report, CancellationToken.None);
        Assert.Equal([overlay], gone.Select(file => file.Path));
        Assert.Empty(machine.State.Kept);
        await machine.AssertSoundAsync("let go");
    }

    [SkippableTheory]
    [InlineData(24, 16)]
    [InlineData(16, 24)]
    public async Task LayersOfDifferentSizesAreMergedToTheUpperOnesSize(int below, int above)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        Tool.Run("qemu-img", "resize", "-q", machine.ActivePath, $"{below}M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 9 {(below - 1).ToString(CultureInfo.InvariantCulture)}M 1M", machine.ActivePath);
        await machine.SnapshotAsync("one");
        Tool.Run("qemu-img", "bitmap", "--add", machine.ActivePath, "x");
        Tool.Run("qemu-img", "bitmap", "--remove", machine.ActivePath, "x");
        Tool.Run("qemu-img", "resize", "-q", "--shrink", machine.ActivePath, $"{above}M");
        byte[] before = machine.Read(machine.ActivePath);
        await machine.ForgetAsync("one");
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
        Assert.Equal(before, machine.Read(machine.ActivePath));
    }

    [SkippableFact]
    public async Task AMachineWhoseDefinitionNamesItsImageByALinkIsTakenAlong()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        string link = Path.Combine(machine.Machine.Scratch, "link"), definition = Path.Combine(machine.Place.StateDirectory, "domain.xml");
        File.CreateSymbolicLink(link, machine.ActivePath);
        await File.WriteAllTextAsync(definition, (await File.ReadAllTextAsync(definition)).Replace($"'{machine.ActivePath}'", $"'{link}'", StringComparison.Ordinal).Replace($"\"{machine.ActivePath}\"", $"\"{link}\"", StringComparison.Ordinal));
        Assert.Equal(link, machine.ActivePath);
        byte[] before = machine.Read(link);
        await machine.ForgetAsync("one");
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
        Assert.Equal(before, machine.Read(machine.ActivePath));
    }

    internal static async Task<LayerMachine> ForkedAsync()
    {
        LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.CheckpointAsync("first");
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(3, 8, 8);
        await machine.CheckpointAsync("on-main");
        await machine.WriteAsync(4, 9, 2);
        await machine.ForkAsync("one", "main", "other");
        await machine.WriteAsync(5, 6, 8);
        await machine.CheckpointAsync("on-other");
        await machine.WriteAsync(6, 30);
        await machine.AssertSoundAsync("forked");
        return machine;
    }

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
}
