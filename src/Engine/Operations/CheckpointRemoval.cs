using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Remove-VMMoment and Remove-VMCheckpoint: one transaction for all of it. Steps: sidecars of merged segments; intent, with the whole change of the metadata;
/// transaction; metadata. After a crash the bitmaps tell whether the transaction happened: then it is finished, else forgotten.
/// </summary>
internal static class CheckpointRemoval
{
    public const string Operation = "checkpoint-remove";

    /// <summary>The moments that a request means, children before parents.</summary>
    public static IReadOnlyList<Moment> Plan(MomentTree tree, RemoveMomentRequest request)
    {
        if (request is { Descendants: true, DescendantsOnly: true })
            throw new MomentException(OperationErrors.RemovalAmbiguous, $"Cannot remove moment '{request.Name}': -IncludeDescendant and -DescendantOnly are mutually exclusive.", request.Name, "Use -IncludeDescendant to remove it with all below it, -DescendantOnly to keep it.");
        Moment moment = Named(tree, request);
        IEnumerable<Moment> below = request.Descendants || request.DescendantsOnly ? tree.Descendants(moment) : [];
        return [.. (request.DescendantsOnly ? below : below.Prepend(moment)).Reverse()];
    }

    /// <summary>Removes moments within a change that is under way.</summary>
    public static async Task RunAsync(ChangeScope scope, MomentTree tree, IReadOnlyList<MomentKey> keys, BitmapScope bitmaps, IOperationReport report, CancellationToken cancellation)
    {
        DomainMoments next = Reparented(scope.State, tree, keys);
        HashSet<MomentKey> gone = [.. keys];
        string[] disks = [.. scope.State.Disks.Values.Where(disk => bitmaps == BitmapScope.All || disk.Points.Values.Any(point => point.Moment is { } moment && gone.Contains(moment))).Select(disk => disk.Disk)];
        // What is on a disk that the domain no longer has is out of reach; its history goes all the same.
        string[] open = bitmaps == BitmapScope.None ? [] : [.. disks.Where(disk => scope.State.Disk(disk).ActiveTip is not null && scope.Domain.FindDisk(disk) is not null)];
        foreach (string disk in disks.Except(open, StringComparer.Ordinal))
            next = next.With(scope.State.Disk(disk).Remove(keys));
        if (open.Length == 0)
        {
            using Journal metadata = scope.Begin(Operation, Intent([], FileChanges.None), next);
            scope.Commit(metadata, next);
            return;
        }

        ServedDisks.Of(scope.Place).RefuseHeld(open, $"remove checkpoints of '{scope.Place.Name}'");
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, open, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, cancellation);
        // Who takes all bitmaps out asks nothing of them any more.
        if (bitmaps != BitmapScope.All)
            await StartCheck.WarnAsync(scope, seen, [], report, cancellation);
        List<(string Disk, RemovalStep Step)> steps = [.. open.Select((disk, index) =>
            (disk, RemovalStep.Make(scope.State.Disk(disk), keys, seen[disk], session.Disks[disk].NodeName, scope.Id + index, bitmaps == BitmapScope.All)))];
        next = steps.Aggregate(next, (state, step) => state.With(step.Step.Next));
        foreach ((string disk, RemovalStep step) in steps)
            foreach ((string merged, IReadOnlyList<string> sources) in step.Sidecars)
                WriteMerged(scope.Store.Segments, disk, merged, sources);

        using Journal journal = scope.Begin(Operation, Intent(steps, scope.Store.Difference(scope.State, next)), next);
        TransactionAction[] actions = [.. steps.SelectMany(step => step.Step.Actions)];
        if (actions.Length > 0)
        {
            // Not cancelled: a transaction whose answer was not awaited may have happened.
            await session.Qmp.TransactionAsync(actions, CancellationToken.None);
            journal.Pass("transaction");
            await session.CloseAsync(CancellationToken.None);
        }

        scope.Commit(journal, next);
        scope.Store.Sweep(scope.State);
    }

    /// <summary>After a crash: finishes the removal where its transaction happened, else forgets it. True where it was finished.</summary>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        var removed = entry.Intent["removed"]!.AsObject().ToDictionary(disk => disk.Key, disk => disk.Value!.AsArray().Select(name => (string)name!).ToArray(), StringComparer.Ordinal);
        if (removed.Count == 0 || !await HappenedAsync(place, domain, removed, cancellation))
        {
            Journal.Remove(entry.Path);
            return false;
        }

        Journal.Redo(place.StateDirectory, entry.AsIntended());
        return true;
    }

    // A bitmap that QEMU never stored is gone after QEMU's death as well; then nothing of it is left to be kept, and to finish is right too.
    private static async Task<bool> HappenedAsync(DomainPlace place, DomainDocument domain, Dictionary<string, string[]> removed, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, removed.Keys, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.BitmapsAtOpening(session);
        bool happened = removed.All(disk => disk.Value.All(name => !seen[disk.Key].Bitmaps.ContainsKey(name)));
        await session.CloseAsync(cancellation);
        return happened;
    }

    private static JsonObject Intent(IEnumerable<(string Disk, RemovalStep Step)> steps, FileChanges changes) => new()
    {
        ["removed"] = new JsonObject(steps.Where(step => step.Step.Removed.Count > 0)
            .Select(step => KeyValuePair.Create(step.Disk, (JsonNode?)new JsonArray([.. step.Step.Removed.Select(name => (JsonNode)name)])))),
        ["commit"] = changes.ToJson(),
    };

    // A name alone may mean twins of both kinds; who removes checkpoints means the checkpoint.
    private static Moment Named(MomentTree tree, RemoveMomentRequest request) =>
        request.Kind is { } kind && tree.Find(new MomentKey(Enum.Parse<MomentKind>(kind, ignoreCase: true), request.Name)) is { } moment ? moment : tree.Require(request.Name);

    // Children of a removed moment get its parent, in their own files.
    private static DomainMoments Reparented(DomainMoments state, MomentTree tree, IReadOnlyList<MomentKey> keys)
    {
        DomainMoments next = state.Without(keys);
        foreach (Moment moment in tree.Without(keys.ToList()).All)
            if (next.Moments[moment.Key] is { } stored && stored.Parent != moment.Parent && tree.Find(moment.Key)?.Parent != moment.Parent)
                next = next.With(stored with { Parent = moment.Parent, Document = stored.Document with { ParentName = moment.ParentName } });
        return next;
    }

    private static void WriteMerged(SegmentFile segments, string disk, string id, IReadOnlyList<string> sources)
    {
        Segment[] parts;
        try
        {
            parts = [.. sources.Select(source => segments.Read(source, disk))];
        }
        catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            // A sidecar only serves when the bitmap is gone; without one the answer is then "unknown", never smaller.
            return;
        }

        ExtentMap blocks = parts.Aggregate(ExtentMap.Empty, (union, part) => union.Union(part.Blocks));
        segments.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { [disk] = new(blocks, parts.Min(part => part.Size), parts.Max(part => part.Granularity)) });
    }
}
