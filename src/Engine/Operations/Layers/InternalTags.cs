using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>Internal snapshots that nothing needs any more are deleted out of their images, whether these are written or frozen.</summary>
internal static class InternalTags
{
    /// <summary>The tag of a removed moment's content on a disk, or null where that is not inside an image.</summary>
    public static string? Of(DiskTracking disk, TrackingPoint point, StoredMoment moment) =>
        moment.Document is SnapshotDocument document && document.Disks.FirstOrDefault(entry => entry.Name == disk.Disk)?.MeantMode == SnapshotMode.Internal
            && disk.Layers.GetValueOrDefault(point.LayerId) is { } layer && layer.FrozenTop != point.Id ? moment.Key.Name : null;

    /// <summary>Whether a moment or a tip that stays has this tag.</summary>
    public static bool IsUsed(DomainMoments state, string disk, string layerId, string tag)
    {
        DiskTracking tracking = state.Disk(disk);
        return tracking.Tips.Values.Any(tip => tip.LayerId == layerId && tip.Saved == tag)
            || tracking.Points.Values.Any(point => point.LayerId == layerId && point.Moment is { Kind: MomentKind.Snapshot } moment && moment.Name == tag);
    }

    /// <summary>Why these cannot be deleted now, as part of a sentence, or null: a frozen layer that the machine has open cannot be written.</summary>
    public static async Task<string?> WhyNotAsync(ChangeScope scope, IEnumerable<(string Disk, TrackingLayer Layer, string Tag)> tags, CancellationToken cancellation)
    {
        ServedDisks served = ServedDisks.Of(scope.Place);
        foreach ((string disk, TrackingLayer layer, string tag) in tags)
        {
            if (served.UserOf(disk) is { } user)
                return $"{user.Words} is on disk '{disk}', whose internal snapshot '{tag}' would be deleted";
            if (layer.Path != scope.Domain.FindDisk(disk)?.SourcePath && MachineProbe.Find(scope.Place, scope.Domain).Monitor is not null && await HasAsync(layer.Path, tag, cancellation)
                && await LayerSession.TryMachineAsync(scope, disk, layer.Path, cancellation) is { } open)
            {
                await open.DisposeAsync();
                return $"internal snapshot '{tag}' of disk '{disk}' lies in '{layer.Path}', which other layers stand on and the machine has open; it can go when the machine is stopped";
            }
        }

        return null;
    }

    /// <summary>Deletes them; those that are not there are left out.</summary>
    public static async Task DeleteAsync(ChangeScope scope, string disk, TrackingLayer layer, IReadOnlyCollection<string> tags, CancellationToken cancellation)
    {
        string[] present = [.. tags.Distinct(StringComparer.Ordinal)];
        await using (Qcow2Image image = await Qcow2Image.OpenAsync(layer.Path, cancellation))
        {
            HashSet<string> names = [.. (await image.SnapshotsAsync(cancellation)).Select(snapshot => snapshot.Name)];
            present = [.. present.Where(names.Contains)];
        }

        if (present.Length == 0)
            return;
        await using LayerSession session = await LayerSession.TryMachineAsync(scope, disk, layer.Path, cancellation)
            ?? await LayerSession.OverDaemonAsync(scope, disk, layer, BlockAccess.Change, cancellation);
        string node = (await session.NodesAsync(cancellation)).Require(layer.Path).NodeName;
        foreach (string tag in present)
            await session.Session.Qmp.ExecuteAsync("blockdev-snapshot-delete-internal-sync", new JsonObject { ["device"] = node, ["name"] = tag }, cancellation);
        await session.Session.CloseAsync(CancellationToken.None);
        Files.DurableFile.FlushFile(layer.Path);
    }

    private static async Task<bool> HasAsync(string path, string tag, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        return (await image.SnapshotsAsync(cancellation)).Any(snapshot => snapshot.Name == tag);
    }
}
