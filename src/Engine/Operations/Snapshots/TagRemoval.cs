using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Deletes states inside the images that nothing refers to any more. Where the images are not open for writing it is left for later: such a
/// state costs space and nothing else.
/// </summary>
internal static class TagRemoval
{
    public const string Operation = "tag-remove";

    /// <summary>Deletes what bears a tag of ours and is no branch's tip any more; a failure is told, and the next changing command tries again.</summary>
    /// <param name="scope">The machine; what refers to them no longer is decided already.</param>
    /// <param name="tags">By disk the tag.</param>
    public static async Task RunAsync(ChangeScope scope, IReadOnlyDictionary<string, string> tags, IOperationReport report, CancellationToken cancellation)
    {
        var spent = tags.Where(tag => IsSpent(scope.State, tag.Key, tag.Value)).ToDictionary(StringComparer.Ordinal);
        if (spent.Count == 0)
            return;
        using Journal journal = scope.BeginBeside(Operation, new JsonObject(spent.Select(tag => KeyValuePair.Create(tag.Key, (JsonNode?)tag.Value))));
        try
        {
            await DeleteAsync(scope.Place, scope.Domain, spent, cancellation);
            journal.End();
        }
        catch (MomentException failure)
        {
            report.Warning($"A state of '{scope.Place.Name}' that is no longer needed could not be deleted from its images yet: {failure.Message} The next command that changes '{scope.Place.Name}' tries again.");
        }
    }

    /// <summary>After the death of the process that began it.</summary>
    public static async Task ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        DomainMoments state = new MomentStore(place.StateDirectory).Load(_ => { });
        var spent = entry.Intent.Where(tag => domain.FindDisk(tag.Key) is not null && IsSpent(state, tag.Key, (string)tag.Value!))
            .ToDictionary(tag => tag.Key, tag => (string)tag.Value!, StringComparer.Ordinal);
        if (spent.Count > 0)
            await DeleteAsync(place, domain, spent, cancellation);
    }

    private static bool IsSpent(DomainMoments state, string disk, string tag) =>
        tag.StartsWith(ImageTips.TagPrefix, StringComparison.Ordinal) && state.Disk(disk).Tips.Values.All(tip => tip.Saved != tag);

    private static async Task DeleteAsync(DomainPlace place, DomainDocument domain, Dictionary<string, string> tags, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, tags.Keys, BlockAccess.Change, cancellation);
        await using (SessionExports exports = session.OpenExports(cancellation))
            // What is the disk's content now must be on stable storage before its second home goes.
            foreach (SessionDisk disk in session.Disks.Values)
                await SegmentCapture.ReadAsync(exports, disk.NodeName, null, disk.VirtualSize, cancellation);
        foreach (SessionDisk disk in session.Disks.Values)
            await ImageTips.DeleteAsync(session, [(disk.NodeName, disk.Path)], tags[disk.Name], cancellation);
        await session.CloseAsync(cancellation);
    }
}
