using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Health;
using MomentTools.Tests.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Health;

/// <summary>What befalls branches, layers that nobody works on, and what is kept for Undo.</summary>
internal static class BranchDrifts
{
    private const string Loss = "Error", Harm = "Warning", Note = "Information";

    public static IReadOnlyList<Drift> All { get; } =
    [
        Of("image of a branch gone", FindingIds.LayerMissing, machine => Task.Run(() => File.Delete(PathOf(machine, "try")))) with { Disk = "vda", Severity = Loss },
        Of("saved copy of a frozen layer's bitmap gone", FindingIds.SidecarUnreadable, machine => DropSidecarAsync(machine)) with { Disk = "vda", Moment = "a", Severity = Harm },
        Of("closed bitmap on a frozen layer gone", FindingIds.BitmapMissing, async machine =>
        {
            Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), "a");
            // As if it had never been there: that the file was written is another finding.
            DiskTracking disk = StateOf(machine).Disk("vda");
            TrackingLayer layer = disk.Layers.Values.Single(one => one.Path == machine.DiskPath("vda"));
            LayerFacts now = (await LayerReading.ChainAsync(layer.Path, "qcow2", CancellationToken.None))[0].Facts!;
            await DriftMachine.EditAsync(machine, "disks.xml", $"length=\"{layer.Facts!.Length}\" modified=\"{layer.Facts.Modified}\"", $"length=\"{now.Length}\" modified=\"{now.Modified}\"");
        }) with { Disk = "vda", Moment = "a", Severity = Note },
        Of("image of a branch without its bitmaps", FindingIds.BranchDoubtful, machine =>
        {
            foreach (string name in new[] { TipOf(machine, "try").Marker, TipOf(machine, "try").Recording })
                Tool.Run("qemu-img", "bitmap", "--remove", PathOf(machine, "try"), name);
            return Task.CompletedTask;
        }) with { Disk = "vda", Severity = Harm },
        Of("recording bitmap of a branch switched off", FindingIds.BranchDoubtful, machine =>
        {
            Tool.Run("qemu-img", "bitmap", "--disable", PathOf(machine, "try"), TipOf(machine, "try").Recording);
            return Task.CompletedTask;
        }) with { Disk = "vda", Severity = Harm },
        Of("image of a branch is no image any more", FindingIds.ImageUnreadable, machine => File.WriteAllTextAsync(PathOf(machine, "try"), "not an image")) with { Disk = "vda", Severity = Loss },
        Of("file of a branch is garbage", FindingIds.BranchFileInvalid, machine => File.WriteAllTextAsync(FileOf(machine, "try"), "garbage")) with { Severity = Loss },
        Of("file of a branch names a layer that nobody knows", FindingIds.BranchFileInvalid, machine => DriftMachine.EditAsync(machine, "branches/try.xml", " layer=\"\\w+\" r", " layer=\"0123456789ab\" r")) with { Severity = Loss },
        Of("two files for the present state of a branch", FindingIds.CurrentAmbiguous, machine =>
        {
            File.Copy(FileOf(machine, "try"), FileOf(machine, "copy"));
            return Task.CompletedTask;
        }) with { Severity = Loss },
        Of("two entries for the tip of a branch", FindingIds.CurrentAmbiguous, machine => DriftMachine.EditAsync(machine, "branches/try.xml", "(<([\\w:]*)disk name=\"vda\".*?</\\2disk>)", "$1$1")) with { Disk = "vda", Severity = Loss },
        Of("snapshot that a branch began at gone", FindingIds.BranchStartMissing, machine => DriftMachine.EditAsync(machine, "branches/try.xml", "start=\"snapshot:s\"", "start=\"snapshot:gone\"")) with { Moment = "gone", Severity = Harm },
        Of("memory of a branch gone", FindingIds.MemoryMissing, machine => EditAsync(machine, state => state.With(state.Branches["try"] with { Memory = "/nowhere/memory" }))) with { Severity = Harm },
        Of("memory of a snapshot gone", FindingIds.MemoryMissing, machine => DriftMachine.EditAsync(machine, "snapshots/s.xml", "<state>shutoff</state>", "<state>running</state><memory snapshot='external' file='/nowhere/memory'/>")) with { Moment = "s", Severity = Harm },
        Of("record of what is kept is garbage", FindingIds.KeptInvalid, async machine =>
        {
            await EditAsync(machine, state => state.With(new KeptAside("0123456789ab", "Restore-VMSnapshot", DateTimeOffset.UtcNow, DateTimeOffset.UtcNow, null, null, new Dictionary<string, string>(StringComparer.Ordinal))));
            await File.WriteAllTextAsync(Path.Combine(machine.StateDirectory, "kept", "0123456789ab.xml"), "garbage");
        }) with { Severity = Harm },
        Of("what is kept leads to no branch", FindingIds.KeptLost, machine => EditAsync(machine, state =>
            state.With(new KeptAside("0123456789ab", "Restore-VMSnapshot", DateTimeOffset.UtcNow, DateTimeOffset.UtcNow, "mt-gone", "main", new Dictionary<string, string>(StringComparer.Ordinal))))) with { Severity = Harm },
        Of("points that no record brings back", FindingIds.KeptLost, machine => EditAsync(machine, state =>
            state.Forget([new MomentKey(MomentKind.Checkpoint, "b")], new KeptAside("x", "x", DateTimeOffset.UtcNow, DateTimeOffset.UtcNow, null, null, new Dictionary<string, string>(StringComparer.Ordinal))).WithoutKept("x"))) with { Disk = "vda", Severity = Harm },
    ];

    /// <summary>
    /// vda with the checkpoints a and b, the external snapshot s, the branch "try" from it, and the present state on the branch "main", both
    /// written to; stopped.
    /// </summary>
    public static async Task<TestMachine> MachineAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, DriftMachine.Grain);
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 2, 4 * DriftMachine.Grain, DriftMachine.Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 3, 8 * DriftMachine.Grain, DriftMachine.Grain);
        var forge = new SnapshotForge(machine);
        await forge.SnapshotAsync("s");
        await forge.ForkAsync("s", "try");
        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", "write -P 4 12M 64k");
        await machine.CheckpointAsync("t");
        await forge.SwitchAsync("main");
        await forge.IoAsync("vda", "write -P 5 13M 64k");
        return machine;
    }

    public static DomainMoments StateOf(TestMachine machine) => new MomentStore(machine.StateDirectory).Load(_ => { });

    public static string PathOf(TestMachine machine, string branch) => StateOf(machine).Disk("vda").Layers[TipOf(machine, branch).LayerId].Path;

    /// <summary>Changes the metadata as an operation would.</summary>
    public static Task EditAsync(TestMachine machine, Func<DomainMoments, DomainMoments> edit)
    {
        var store = new MomentStore(machine.StateDirectory);
        DomainMoments state = store.Load(_ => { });
        FileChanges changes = store.Difference(state, edit(state));
        using Journal journal = Journal.Begin(machine.StateDirectory, MomentIds.New(), "test", [], null);
        journal.Commit(changes);
        return Task.CompletedTask;
    }

    private static Drift Of(string name, string id, Func<TestMachine, Task> make) => new(name, id, make) { MachineAsync = MachineAsync };

    private static TrackingTip TipOf(TestMachine machine, string branch) => StateOf(machine).Disk("vda").Tips[branch];

    private static string FileOf(TestMachine machine, string branch) => Path.Combine(machine.StateDirectory, "branches", branch + ".xml");

    private static Task DropSidecarAsync(TestMachine machine)
    {
        DiskTracking disk = StateOf(machine).Disk("vda");
        TrackingPoint point = disk.PointOf(new MomentKey(MomentKind.Checkpoint, "b"))!;
        File.Delete(Path.Combine(machine.StateDirectory, "segments", point.Sources.OfType<SegmentSource.Bitmap>().Single().SidecarId!));
        return Task.CompletedTask;
    }
}
