using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Remove-VMSnapshot: checkpoints among what goes are removed as ever; snapshots are forgotten, and kept aside for Undo. The content of every
/// other moment stays, whatever it stands on. What nobody needs once the time to undo is over is collected.
/// </summary>
internal sealed class SnapshotRemoval(EngineContext context)
{
    public const string Operation = "snapshot-remove";
    private const string Cmdlet = "Remove-VMSnapshot";

    /// <summary>What would go, and what would become of which file; nothing is changed.</summary>
    public async Task<(DomainMoments State, MomentTree Tree, IReadOnlyList<Moment> Moments, IReadOnlyList<VMLayerChange> Files)> PlanAsync(
        string vm, RemoveMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        MomentTree tree = state.Tree(out _);
        IReadOnlyList<Moment> moments = CheckpointRemoval.Plan(tree, request);
        MomentKey[] keys = [.. moments.Select(moment => moment.Key)];
        if (request.MetadataOnly || keys.All(key => key.Kind != MomentKind.Snapshot))
            return (state, tree, moments, []);
        return (state, tree, moments, await FilesAsync(place, domain, state, keys, pull: false, cancellation));
    }

    public async Task<(DomainMoments Before, MomentTree Tree, IReadOnlyList<Moment> Removed)> RunAsync(
        string vm, string cmdlet, RemoveMomentRequest request, RemoveSnapshotRequest how, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, cmdlet, report, cancellation);
        DomainMoments before = scope.State;
        MomentTree tree = before.Tree(out _);
        IReadOnlyList<Moment> moments = CheckpointRemoval.Plan(tree, request);
        MomentKey[] snapshots = [.. moments.Select(moment => moment.Key).Where(key => key.Kind == MomentKind.Snapshot)];
        if (request.MetadataOnly)
        {
            if (moments.Count > 0)
                await CheckpointRemoval.RunAsync(scope, tree, [.. moments.Select(moment => moment.Key)], BitmapScope.None, report, cancellation);
            LeaveContent(scope, before, snapshots);
            return (before, tree, moments);
        }

        foreach (MomentKey foreign in snapshots.Where(key => IsForeign(before, key)))
            throw Foreign(vm, foreign.Name);
        if (snapshots.Length > 0)
        {
            string doing = $"remove snapshot '{snapshots[^1].Name}' of '{vm}'";
            OwnerCheck.Require(scope.Domain, how.AcceptOwner, doing);
            ServedDisks.Of(scope.Place).Refuse(before.Disks.Values.Where(disk => snapshots.Any(key => disk.PointOf(key) is not null)).Select(disk => disk.Disk), doing);
        }

        MomentKey[] checkpoints = [.. moments.Select(moment => moment.Key).Where(key => key.Kind == MomentKind.Checkpoint)];
        if (checkpoints.Length > 0)
            await CheckpointRemoval.RunAsync(scope, tree, checkpoints, BitmapScope.Moments, report, cancellation);
        if (snapshots.Length > 0)
        {
            Forget(scope, cmdlet, snapshots, how.UndoFor, how.KeepSince);
            Tell(scope, await Collector.RunAsync(scope, new CollectorLimits { Merge = true, AcceptOwner = how.AcceptOwner }, report, cancellation), report);
        }

        return (before, tree, moments);
    }

    /// <summary>What would become of which file without what is kept aside; nothing is changed.</summary>
    public async Task<IReadOnlyList<VMLayerChange>> PlanLetGoAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        IReadOnlyList<VMLayerChange> files = await FilesAsync(place, domain, state.Kept.Aggregate(state, KeepAside.LetGo), [], pull: false, cancellation);
        IEnumerable<string> memory = state.Kept.SelectMany(kept => KeptListing.Files(state, kept)).Except(files.Select(file => file.Path), StringComparer.Ordinal);
        return [.. files, .. memory.Where(File.Exists).Select(path => new VMLayerChange { Path = path, Bytes = FileStamp.Of(path)?.Length ?? 0, Action = "Remove" })];
    }

    /// <summary>Remove-VMSnapshot -Kept: what is kept aside for Undo goes at once.</summary>
    /// <returns>The files that are gone.</returns>
    public async Task<IReadOnlyList<VMLayerChange>> LetGoAsync(string vm, bool acceptOwner, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        CollectorOutcome outcome = await Collector.RunAsync(scope, new CollectorLimits { Merge = true, LetGo = true, AcceptOwner = acceptOwner }, report, cancellation);
        Tell(scope, outcome, report);
        return [.. outcome.Removed.Select(file => new VMLayerChange { Path = file.Path, Bytes = file.Bytes, Action = "Remove" })];
    }

    /// <summary>Snapshots lose their names, and are kept aside; what was kept before has had its time.</summary>
    public static void Forget(ChangeScope scope, string cmdlet, IReadOnlyCollection<MomentKey> snapshots, TimeSpan? undoFor, DateTimeOffset? keepSince = null)
    {
        KeptAside kept = KeepAside.Of(MomentIds.New(), cmdlet, undoFor, null, null, scope.Store.FilesOf(scope.State, snapshots));
        DomainMoments next = KeepAside.EndOlder(scope.State, kept, keepSince).Forget(snapshots, kept);
        using Journal journal = scope.Begin(Operation, [], next);
        scope.Commit(journal, next);
    }

    /// <summary>What becomes of which file when these moments are gone and let go.</summary>
    public static async Task<IReadOnlyList<VMLayerChange>> FilesAsync(
        DomainPlace place, DomainDocument domain, DomainMoments state, IReadOnlyCollection<MomentKey> keys, bool pull, CancellationToken cancellation)
    {
        DomainMoments next = keys.Count == 0 ? state : state.Disks.Values.Aggregate(state.Without(keys), (moments, disk) => moments.With(disk.Remove(keys)));
        string[] memory = MemoryFiles.Unused(next, keys.Select(key => (state.Moments[key].Document as SnapshotDocument)?.Memory?.File).OfType<string>());
        return
        [
            .. await CollectorPreview.RunAsync(place, domain, next, pull, cancellation),
            .. memory.Where(File.Exists).Select(path => new VMLayerChange { Path = path, Bytes = FileStamp.Of(path)?.Length ?? 0, Action = "Remove" }),
        ];
    }

    /// <summary>Warns of what stays although nothing needs it for itself.</summary>
    public static void Tell(ChangeScope scope, CollectorOutcome outcome, IOperationReport report)
    {
        foreach ((string path, long bytes) in outcome.Removed)
            report.Verbose($"Removed '{path}' ({bytes} bytes), which nothing needs any more.");
        foreach ((string disk, LayerStep step) in outcome.Stays)
            report.Warning($"The layer '{step.Layer.Path}' of disk '{disk}' of '{scope.Place.Name}' stays ({FileStamp.Of(step.Layer.Path)?.Length ?? 0} bytes): {step.Reason}.");
    }

    /// <summary>A snapshot whose content another program made: of no disk is anything known but what a document says.</summary>
    public static bool IsForeign(DomainMoments state, MomentKey key) => state.Disks.Values.All(disk => disk.PointOf(key) is null);

    public static MomentException Foreign(string vm, string name) => new(
        OperationErrors.SnapshotContentKept, $"Cannot remove snapshot '{name}' of '{vm}': its content was made by another program, and MomentTools cannot remove it.", name,
        "Use -MetadataOnly to forget the snapshot and leave its content where it is. Nothing was removed.");

    // Files that are to be left as they are must not be taken for ours by the next collection.
    private static void LeaveContent(ChangeScope scope, DomainMoments before, IReadOnlyCollection<MomentKey> snapshots)
    {
        DomainMoments next = scope.State;
        foreach (DiskTracking disk in before.Disks.Values)
        {
            HashSet<string> points = [.. snapshots.Select(disk.PointOf).OfType<TrackingPoint>().Select(point => point.Id)];
            foreach (TrackingLayer layer in next.Disk(disk.Disk).Layers.Values.Where(layer => layer.FrozenTop is { } top && points.Contains(top)))
                next = next.With(next.Disk(disk.Disk).WithLayer(layer with { FrozenTop = null, Made = false }));
        }

        if (ReferenceEquals(next, scope.State))
            return;
        using Journal journal = scope.Begin(Operation, [], next);
        scope.Commit(journal, next);
    }
}
