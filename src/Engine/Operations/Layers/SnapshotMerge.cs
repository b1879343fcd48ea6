using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Merge-VMSnapshot: everything on the active branch above a snapshot's layer is merged down into that layer. The snapshots that held
/// these layers' states end, and cannot be brought back; checkpoints stay, since what they recorded stays.
/// </summary>
internal sealed class SnapshotMerge(EngineContext context)
{
    private const string Cmdlet = "Merge-VMSnapshot";

    /// <summary>What would end, and what would become of which file; refused as the merge itself would be.</summary>
    public async Task<(DomainMoments State, MomentTree Tree, IReadOnlyList<Moment> Moments, IReadOnlyList<VMLayerChange> Files)> PlanAsync(
        string vm, MergeSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        IReadOnlyList<MomentKey> ends = Ends(vm, state, request);
        MomentTree tree = state.Tree(out _);
        return (state, tree, Of(tree, ends), await SnapshotRemoval.FilesAsync(place, domain, state, ends, request.Force, cancellation));
    }

    public async Task<(DomainMoments Before, MomentTree Tree, IReadOnlyList<Moment> Ended)> RunAsync(
        string vm, MergeSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        DomainMoments before = scope.State;
        MomentTree tree = before.Tree(out _);
        IReadOnlyList<MomentKey> ends = Ends(vm, before, request);
        string doing = $"merge the layers of '{vm}' into snapshot '{request.Name}'";
        OwnerCheck.Require(scope.Domain, request.AcceptOwner, doing);
        ServedDisks.Of(scope.Place).Refuse(before.Disks.Values.Where(disk => ends.Any(key => disk.PointOf(key) is not null)).Select(disk => disk.Disk), doing);
        SnapshotRemoval.Forget(scope, Cmdlet, ends, TimeSpan.Zero);
        CollectorOutcome outcome = await Collector.RunAsync(scope, new CollectorLimits { Merge = true, Pull = request.Force, AcceptOwner = request.AcceptOwner }, report, cancellation);
        SnapshotRemoval.Tell(scope, outcome, report);
        return (before, tree, Of(tree, ends));
    }

    // The snapshot itself and those above it on the active branch, whose frozen states are in between.
    private static IReadOnlyList<MomentKey> Ends(string vm, DomainMoments state, MergeSnapshotRequest request)
    {
        MomentKey key = state.Tree(out _).Require(request.Name).Key;
        if (key.Kind != MomentKind.Snapshot || state.Disks.Values.All(disk => Frozen(disk, key) is null))
            throw new MomentException(
                LayerErrors.SnapshotNotExternal, $"Cannot merge into '{request.Name}' of '{vm}': it is no external snapshot with layers of its own.", request.Name,
                key.Kind == MomentKind.Snapshot ? "Its content lies inside its image; Remove-VMSnapshot removes it." : "Give the name of an external snapshot; Get-VMSnapshot -External lists them.");
        HashSet<MomentKey> ends = [key];
        List<string> others = [], inside = [];
        bool above = false;
        foreach (DiskTracking disk in state.Disks.Values)
        {
            if (Frozen(disk, key) is not { } into || disk.ActiveTip is not { } tip)
                continue;
            TrackingLayer[] line = [.. LayerDrift.Recorded(disk, tip.LayerId).TakeWhile(layer => layer.Id != into.Id)];
            if (line.Length == 0 || line[^1].BackingId != into.Id)
                continue;
            above = true;
            HashSet<string> own = [.. line.Select(layer => layer.Id)];
            foreach (TrackingLayer layer in line.Append(into).Where(layer => layer.Id != tip.LayerId))
            {
                if (layer.FrozenTop is { } top && disk.Points.GetValueOrDefault(top)?.Moment is { } moment)
                    ends.Add(moment);
                others.AddRange(disk.ChildrenOf(layer.Id).Where(child => !own.Contains(child.Id)).SelectMany(child => Standing(state, disk, child)));
            }

            inside.AddRange(disk.Points.Values.Where(point => point.Moment is { Kind: MomentKind.Snapshot } && own.Contains(point.LayerId) && disk.Layers[point.LayerId].FrozenTop != point.Id)
                .Select(point => $"snapshot '{point.Moment!.Name}', which lies inside '{disk.LayerOf(point.Id).Path}' and would not survive"));
            inside.AddRange(disk.Tips.Where(tip => tip.Value.Saved is not null && (tip.Value.LayerId == into.Id || own.Contains(tip.Value.LayerId)))
                .Select(tip => $"{Named(state, tip.Key)}, whose tip lies inside '{disk.Layers[tip.Value.LayerId].Path}'"));
        }

        if (!above)
            throw new MomentException(
                LayerErrors.MergeNothingAbove, $"Cannot merge into snapshot '{request.Name}' of '{vm}': the active branch, '{state.ActiveBranch}', does not stand on it.", request.Name,
                "Switch-VMBranch goes to a branch that does; Get-VMBranch shows them.");
        if (inside.Count > 0 || others.Count > 0 && !request.Force)
            throw new MomentException(
                LayerErrors.MergeWouldEndBranches, $"Cannot merge into snapshot '{request.Name}' of '{vm}': on the layers that would go stand {string.Join("; ", others.Concat(inside).Distinct(StringComparer.Ordinal))}.", request.Name,
                "Remove what is not needed (Remove-VMBranch, Remove-VMSnapshot), or use -Force: then each other branch gets a copy of what it reads from these layers. What lies inside an image has to be removed first.");
        return [.. ends];
    }

    private static IEnumerable<string> Standing(DomainMoments state, DiskTracking disk, TrackingLayer child)
    {
        string[] names = [.. disk.Tips.Where(tip => LayerDrift.Recorded(disk, tip.Value.LayerId).Any(layer => layer.Id == child.Id)).Select(tip => tip.Key)];
        foreach (string name in names)
            yield return Named(state, name);
        if (names.Length == 0)
            yield return $"the layer '{child.Path}'";
    }

    private static string Named(DomainMoments state, string branch) => branch.StartsWith(Branch.HiddenPrefix, StringComparison.Ordinal)
        ? $"what is kept for Undo-VMSnapshot since {state.Kept.FirstOrDefault(kept => kept.Branch == branch)?.Since.ToLocalTime():yyyy-MM-dd HH:mm}" : $"branch '{branch}'";

    private static TrackingLayer? Frozen(DiskTracking disk, MomentKey key) =>
        disk.PointOf(key) is { } point && disk.Layers.GetValueOrDefault(point.LayerId) is { } layer && layer.FrozenTop == point.Id ? layer : null;

    private static IReadOnlyList<Moment> Of(MomentTree tree, IReadOnlyList<MomentKey> keys) => [.. tree.All.Where(moment => keys.Contains(moment.Key)).Reverse()];
}
