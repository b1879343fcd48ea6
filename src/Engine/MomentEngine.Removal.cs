using MomentTools.Moments;
using MomentTools.Operations.Layers;

namespace MomentTools;

/// <summary>The end of snapshots.</summary>
public sealed partial class MomentEngine
{
    /// <summary>What a removal of snapshots would do; nothing is changed.</summary>
    public async Task<VMSnapshotRemoval> PlanSnapshotRemovalAsync(string vm, RemoveSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (DomainMoments state, MomentTree tree, IReadOnlyList<Moment> moments, IReadOnlyList<VMLayerChange> files) = await new SnapshotRemoval(_context).PlanAsync(vm, Meant(request), report, cancellation);
        return Removal(vm, state, tree, moments, files);
    }

    /// <summary>Removes snapshots, and checkpoints among their descendants where these are meant; the content of every other moment stays.</summary>
    public async Task<IReadOnlyList<VMMoment>> RemoveSnapshotsAsync(string vm, RemoveSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (DomainMoments before, MomentTree tree, IReadOnlyList<Moment> removed) =
            await new SnapshotRemoval(_context).RunAsync(vm, "Remove-VMSnapshot", Meant(request), request, report, cancellation);
        return Results(vm, before, tree, removed);
    }

    /// <summary>What becomes of which file when all that is kept aside is let go, and what an interrupted merge left is done; nothing is changed.</summary>
    public Task<IReadOnlyList<VMLayerChange>> PlanKeptRemovalAsync(string vm, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotRemoval(_context).PlanLetGoAsync(vm, report, cancellation);

    /// <summary>Lets go at once of what is kept aside for undoing, and finishes what an interrupted merge left.</summary>
    /// <returns>The files that are gone.</returns>
    public Task<IReadOnlyList<VMLayerChange>> RemoveKeptAsync(string vm, bool acceptOwner, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotRemoval(_context).LetGoAsync(vm, acceptOwner, report, cancellation);

    /// <summary>What a merge would do; nothing is changed.</summary>
    public async Task<VMSnapshotRemoval> PlanSnapshotMergeAsync(string vm, MergeSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (DomainMoments state, MomentTree tree, IReadOnlyList<Moment> moments, IReadOnlyList<VMLayerChange> files) = await new SnapshotMerge(_context).PlanAsync(vm, request, report, cancellation);
        return Removal(vm, state, tree, moments, files);
    }

    /// <summary>Merges all layers of the active branch above a snapshot's into that one.</summary>
    /// <returns>The snapshots that ended.</returns>
    public async Task<IReadOnlyList<VMMoment>> MergeSnapshotAsync(string vm, MergeSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (DomainMoments before, MomentTree tree, IReadOnlyList<Moment> ended) = await new SnapshotMerge(_context).RunAsync(vm, request, report, cancellation);
        return Results(vm, before, tree, ended);
    }

    private static RemoveMomentRequest Meant(RemoveSnapshotRequest request) => new()
    {
        Name = request.Name, Kind = nameof(MomentKind.Snapshot), Descendants = request.Descendants, DescendantsOnly = request.DescendantsOnly, MetadataOnly = request.MetadataOnly,
    };

    private static VMSnapshotRemoval Removal(string vm, DomainMoments state, MomentTree tree, IReadOnlyList<Moment> moments, IReadOnlyList<VMLayerChange> files)
    {
        HashSet<MomentKey> gone = [.. moments.Select(moment => moment.Key)];
        return new VMSnapshotRemoval
        {
            VM = vm,
            Moments = Results(vm, state, tree, moments),
            Stays = [.. tree.All.Where(moment => !gone.Contains(moment.Key)).Select(moment => moment.Name)],
            Files = files,
            Bytes = files.Where(file => file.Action is "Merge" or "Remove" or "Copy").DistinctBy(file => file.Path, StringComparer.Ordinal).Sum(file => file.Bytes),
        };
    }
}
