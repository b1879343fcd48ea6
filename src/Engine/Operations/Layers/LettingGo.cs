using System.Text.Json.Nodes;
using MomentTools.Moments;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>
/// What was kept aside for Undo goes: the removed moments' points, the hidden branch with its tips, the internal snapshots that only they had, and
/// memory files that nothing names any more. Layers are left to the collector. Steps: intent, with the whole change of the metadata; internal
/// snapshots; metadata. After a crash it is finished.
/// </summary>
internal static class LettingGo
{
    public const string Operation = "let-go";

    /// <param name="scope">The domain.</param>
    /// <param name="all">Also what has not expired yet.</param>
    /// <param name="removed">Told the files that are gone.</param>
    /// <param name="report">Where is told what has to stay.</param>
    /// <param name="cancellation">Stops between two of them.</param>
    public static async Task RunAsync(ChangeScope scope, bool all, List<(string Path, long Bytes)> removed, IOperationReport report, CancellationToken cancellation)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        foreach (KeptAside kept in (all ? scope.State.Kept : KeepAside.Expired(scope.State, now)).ToArray())
        {
            cancellation.ThrowIfCancellationRequested();
            await LetGoAsync(scope, kept, removed, report, cancellation);
        }
    }

    /// <summary>After a crash: the metadata follows; an internal snapshot that is still there belongs to nothing then, and Test-VMMoment tells it.</summary>
    public static void Resolve(string stateDirectory, JournalEntry entry)
    {
        MemoryFiles.Remove(entry.Intent["memory"]!.AsArray().Select(path => (string)path!));
        Journal.Redo(stateDirectory, entry.AsIntended());
    }

    private static async Task LetGoAsync(ChangeScope scope, KeptAside kept, List<(string Path, long Bytes)> removed, IOperationReport report, CancellationToken cancellation)
    {
        DomainMoments before = scope.State;
        MomentFileContent[] moments = [.. kept.Files.Select(file => MomentFile.Parse(file.Key, file.Value))];
        DomainMoments next = KeepAside.LetGo(scope.State, kept);
        List<(string Disk, TrackingLayer Layer, string Tag)> tags = [];
        foreach (MomentFileContent moment in moments)
            foreach ((string disk, TrackingPoint point) in moment.Points)
            {
                DiskTracking tracking = scope.State.Disk(disk);
                if (tracking.Points.GetValueOrDefault(point.Id) is { Kept: true } still && next.Disk(disk).Points.GetValueOrDefault(point.Id) is not { Kept: true }
                    && InternalTags.Of(tracking, still, moment.Moment) is { } tag)
                    tags.Add((disk, tracking.LayerOf(still.Id), tag));
            }

        if (kept.Branch is { } branch && !next.BranchNames.Contains(branch, StringComparer.Ordinal))
            tags.AddRange(scope.State.Disks.Values.Where(disk => disk.Tips.GetValueOrDefault(branch)?.Saved is not null)
                .Select(disk => (disk.Disk, disk.Layers[disk.Tips[branch].LayerId], disk.Tips[branch].Saved!)));

        // A tag that another tip or moment still has stays.
        tags.RemoveAll(tag => InternalTags.IsUsed(next, tag.Disk, tag.Layer.Id, tag.Tag));
        if (await InternalTags.WhyNotAsync(scope, tags, cancellation) is { } reason)
        {
            report.Warning($"What {kept.Operation} kept aside of '{scope.Place.Name}' stays kept: {reason}.");
            return;
        }

        string[] memory = MemoryFiles.Unused(next, [.. moments.Select(moment => (moment.Moment.Document as SnapshotDocument)?.Memory?.File).Append(kept.Branch is { } hidden ? scope.State.Branches.GetValueOrDefault(hidden)?.Memory : null).OfType<string>()]);
        // Frozen layers that are written for it.
        foreach (IGrouping<string, (string Disk, TrackingLayer Layer, string Tag)> disk in tags.Where(tag => tag.Layer.FrozenTop is not null).GroupBy(tag => tag.Disk, StringComparer.Ordinal))
        {
            LayerThaw.Run(scope, scope.State.Disk(disk.Key), null, [.. disk.Select(tag => scope.State.Disk(disk.Key).Layers[tag.Layer.Id]).Distinct()]);
            next = disk.Select(tag => tag.Layer.Id).Distinct(StringComparer.Ordinal).Aggregate(next, (state, id) => state.With(state.Disk(disk.Key).WithLayer(scope.State.Disk(disk.Key).Layers[id])));
        }

        using (Journal journal = scope.Begin(Operation, new JsonObject { ["commit"] = scope.ChangesTo(next).ToJson(), ["memory"] = new JsonArray([.. memory.Select(path => (JsonNode)path)]) }, next))
        {
            foreach (IGrouping<(string Disk, string Layer), (string Disk, TrackingLayer Layer, string Tag)> image in tags.GroupBy(tag => (tag.Disk, tag.Layer.Id)))
                await InternalTags.DeleteAsync(scope, image.Key.Disk, image.First().Layer, [.. image.Select(tag => tag.Tag)], cancellation);
            journal.Pass("tags");
            removed.AddRange(MemoryFiles.Remove(memory));
            journal.Pass("memory");
            scope.Commit(journal, next);
        }

        await SuperfluousBitmaps.RemoveAsync(scope, before, report, cancellation);
        foreach (string disk in tags.Select(tag => tag.Disk).Distinct(StringComparer.Ordinal))
            await LayerThaw.RestoreAsync(scope, disk, cancellation);
    }
}
