using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Qcow2;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Goes back to an internal snapshot, or to the tip of a branch that was left on the same images: the machine is not restarted for it, and
/// what is left can be kept the same way, as a state inside the images.
/// </summary>
/// <param name="catalogue">The domains: other images may stand on these.</param>
/// <param name="scope">The machine.</param>
/// <param name="report">Where warnings go.</param>
internal sealed class InternalRestore(DomainCatalogue catalogue, ChangeScope scope, IOperationReport report)
{
    /// <summary>Whether a snapshot lies inside the images, on each disk that it covers.</summary>
    public static bool IsInternal(StoredMoment moment) => moment.Document is SnapshotDocument document && Covered(document).Any() && document.MomentLocation() == SnapshotLocation.Internal;

    /// <summary>Whether all tips of a branch are saved on the images that the disks work on now.</summary>
    public static bool IsHere(DomainMoments state, string branch)
    {
        DiskTracking[] disks = [.. state.Disks.Values.Where(disk => disk.Tips.ContainsKey(branch) && disk.ActiveBranch != branch)];
        return disks.Length > 0 && disks.All(disk => disk.Tips[branch] is { Saved: not null } tip && tip.LayerId == disk.ActiveTip?.LayerId);
    }

    /// <summary>Goes back to an internal snapshot.</summary>
    /// <exception cref="MomentException">
    /// Before anything is touched: <c>SnapshotNotInImage</c>, <c>SnapshotNotActive</c>, <c>ImageHasOverlays</c>, <c>BitmapForeign</c>,
    /// <c>DiskInUse</c>, <c>ExchangeImpossible</c>. <c>MemoryNotLoaded</c>: its message says in which state the machine is.
    /// </exception>
    public async Task<TurnOutcome> RunAsync(MomentKey snapshot, InternalRestoreOptions options, CancellationToken cancellation)
    {
        var document = (SnapshotDocument)scope.State.Moments[snapshot].Document;
        // A disk that the machine does not have any more stays as it is, wherever it is.
        string[] disks = [.. Covered(document).Where(disk => scope.Domain.FindDisk(disk) is not null)];
        if (disks.Length == 0)
            throw DiskNaming.Unknown(Covered(document).FirstOrDefault() ?? "", scope.Domain);
        Dictionary<string, Qcow2Snapshot> found = new(StringComparer.Ordinal);
        foreach (string disk in disks)
        {
            RequireActive(snapshot, disk);
            found[disk] = await FindAsync(disk, snapshot.Name, cancellation);
            if (scope.State.Disk(disk).PointOf(snapshot)?.Inside is { } known && known != found[disk].Identity)
                throw ImageTipErrors.Replaced(scope.Place.Name, disk, scope.Domain.FindDisk(disk)!.SourcePath!, found[disk]);
        }

        await RequireFreeAsync($"snapshot '{snapshot.Name}'", snapshot.Name, disks, cancellation);
        bool keeps = options.Branch is not null || options.UndoFor > TimeSpan.Zero;
        string? hidden = keeps && options.Branch is null ? Branch.HiddenPrefix + scope.Id : null;
        var target = new TurnTarget(found, options.Branch, snapshot, hidden, keeps ? ImageTips.TagPrefix + scope.Id : null);
        bool memory = found.Values.Any(one => one.VmStateSize > 0);
        VMState? goal = options.Goal ?? document.State switch
        {
            "shutoff" => VMState.Stopped,
            "paused" => VMState.Paused,
            _ => memory ? VMState.Running : null,
        };
        bool loads = memory && goal != VMState.Stopped;
        if (loads)
            RequireFit(snapshot, options.Force);
        return await new TurnRun(scope, report).RunAsync(
            new TurnRequest($"snapshot '{snapshot.Name}'", scope.State, target, loads, options.KeepMemory, goal, (state, cut) => Decided(state, cut, snapshot, scope.State.Disk(disks[0]).ActiveBranch, hidden, options)), cancellation);
    }

    /// <summary>Goes to the tip of another branch, where <see cref="IsHere"/>; the branch that is left stays with its own.</summary>
    public Task<TurnOutcome> SwitchAsync(string branch, InternalRestoreOptions options, CancellationToken cancellation) => SwitchAsync(scope.State, branch, options, cancellation);

    /// <param name="prepared">The moments before, with whatever names branches and tips get with it; the tip that is left is still the active one, under the name it keeps.</param>
    /// <param name="branch">The branch to go to, as it is called there.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Stops it until bitmaps are taken out.</param>
    /// <inheritdoc cref="SwitchAsync(string, InternalRestoreOptions, CancellationToken)"/>
    public async Task<TurnOutcome> SwitchAsync(DomainMoments prepared, string branch, InternalRestoreOptions options, CancellationToken cancellation)
    {
        DiskTracking[] disks = [.. prepared.Disks.Values.Where(disk => disk.Tips.ContainsKey(branch) && disk.ActiveBranch != branch)];
        string left = disks[0].ActiveBranch;
        Dictionary<string, Qcow2Snapshot> found = new(StringComparer.Ordinal);
        foreach (DiskTracking disk in disks)
            found[disk.Disk] = await FindAsync(disk.Disk, disk.Tips[branch].Saved!, cancellation);
        await RequireFreeAsync($"branch '{branch}'", branch, [.. found.Keys], cancellation);
        // Disks that were left at different times have memory of different times, if any.
        bool memory = found.Values.Any(one => one.VmStateSize > 0) && found.Values.DistinctBy(one => one.Name, StringComparer.Ordinal).Count() == 1;
        VMState? goal = options.Goal ?? (memory ? VMState.Running : null);
        if (!memory && prepared.Branches.GetValueOrDefault(branch) is { Running: true })
            report.Warning($"The disks of branch '{branch}' of '{scope.Place.Name}' are as after a power cut: it was left while the guest ran, and without its memory.");
        TurnOutcome outcome = await new TurnRun(scope, report).RunAsync(
            new TurnRequest(
                $"branch '{branch}'", prepared, new TurnTarget(found, branch, null, null, ImageTips.TagPrefix + scope.Id), memory && goal != VMState.Stopped, options.KeepMemory, goal,
                (state, cut) => options.Decide(Left(state, left, cut).With((state.Branches.GetValueOrDefault(branch) ?? new Branch(branch)) with { Running = false }).Activate(branch))),
            cancellation);
        await TagRemoval.RunAsync(scope, found.ToDictionary(pair => pair.Key, pair => pair.Value.Name, StringComparer.Ordinal), report, cancellation);
        return outcome;
    }

    private static IEnumerable<string> Covered(SnapshotDocument document) => document.Disks.Where(disk => disk.MeantMode == SnapshotMode.Internal).Select(disk => disk.Name);

    private DomainMoments Decided(DomainMoments state, bool cut, MomentKey snapshot, string active, string? hidden, InternalRestoreOptions options)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (options.Branch is { } branch)
            return options.Decide(Left(state, active, cut).With(new Branch(branch) { Start = snapshot, Created = now }).Activate(branch));
        if (hidden is null)
            return options.Decide(state);
        DomainMoments kept = state.With((state.Branches.GetValueOrDefault(active) ?? new Branch(active)) with { Name = hidden, Running = cut });
        return options.Decide(KeepAside.Add(kept, KeepAside.Of(scope.Id, options.Cmdlet, options.UndoFor, hidden, active)));
    }

    private static DomainMoments Left(DomainMoments state, string branch, bool cut) =>
        state.With((state.Branches.GetValueOrDefault(branch) ?? new Branch(branch)) with { Running = cut });

    // QEMU tells only when the disks are at the snapshot already.
    private void RequireFit(MomentKey snapshot, bool force)
    {
        string vm = scope.Place.Name;
        if (scope.Store.LoadWhole(scope.State.Moments[snapshot]).Document.Domain is not { } then || DefinitionFit.Differences(then, scope.Domain) is not { Count: > 0 } differences)
            return;
        if (!force)
            throw RestoreErrors.Unfit(vm, differences);
        report.Warning($"The memory of snapshot '{snapshot.Name}' is loaded into '{vm}' although its definition is another one: {string.Join("; ", differences)}.");
    }

    private async Task<Qcow2Snapshot> FindAsync(string disk, string tag, CancellationToken cancellation)
    {
        DomainDisk definition = scope.Domain.FindDisk(disk) ?? throw DiskNaming.Unknown(disk, scope.Domain);
        string path = definition.SourcePath ?? throw DiskErrors.WithoutFile(scope.Place.Name, definition);
        return await ImageTips.FindAsync(path, tag, cancellation) ?? throw ImageTipErrors.NotInImage(scope.Place.Name, disk, path, tag);
    }

    // What a layer holds inside can only be loaded while it is the one that is written to.
    private void RequireActive(MomentKey snapshot, string disk)
    {
        DiskTracking tracking = scope.State.Disk(disk);
        if (tracking.PointOf(snapshot) is { } point && tracking.ActiveTip is { } tip && point.LayerId != tip.LayerId)
            throw ImageTipErrors.NotActive(scope.Place.Name, disk, snapshot.Name, tracking.Layers.GetValueOrDefault(point.LayerId)?.Path ?? point.LayerId, tracking.Layers[tip.LayerId].Path);
    }

    private async Task RequireFreeAsync(string what, string target, IReadOnlyList<string> disks, CancellationToken cancellation)
    {
        ImageGraph graph = await new Dependencies(catalogue).ScanAsync(scope.State, cancellation);
        foreach (string disk in disks)
        {
            string path = scope.Domain.FindDisk(disk)!.SourcePath!;
            string[] above = [.. graph.On(path).Select(link => $"'{link.Path}'")];
            if (above.Length > 0)
                throw ImageTipErrors.HasOverlays(scope.Place.Name, disk, what, target, path, above);
        }
    }
}
