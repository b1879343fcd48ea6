using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>Import-VMMoment -Validate: what the documents name must be in the images, whole, on some layer of the disk.</summary>
internal static class ImportValidation
{
    public static async Task RunAsync(DomainPlace place, DomainDocument domain, IReadOnlyList<StoredMoment> moments, IReadOnlyList<ImportedDocument> documents, CancellationToken cancellation)
    {
        string[] disks = [.. moments.SelectMany(Needed).Select(need => need.Disk).Distinct(StringComparer.Ordinal).Where(disk => domain.FindDisk(disk) is { Format: "qcow2" })];
        IReadOnlyDictionary<string, ObservedLayer> live = await LiveAsync(place, domain, disks, cancellation);
        Dictionary<string, DiskContent> content = new(StringComparer.Ordinal);
        foreach (string disk in disks)
            content[disk] = await ReadAsync(domain, disk, live.GetValueOrDefault(disk), cancellation);
        foreach ((StoredMoment moment, ImportedDocument document) in moments.Zip(documents))
        {
            string[] problems = [.. Needed(moment).Select(need => Problem(need, moment.Key.Name, content.GetValueOrDefault(need.Disk))).OfType<string>()];
            if (problems.Length > 0)
                throw MetadataErrors.NotInImages(document, domain.Name, problems);
        }
    }

    private static IEnumerable<(string Disk, bool IsBitmap)> Needed(StoredMoment moment) => moment.Document switch
    {
        CheckpointDocument checkpoint => checkpoint.Disks.Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => (disk.Name, true)),
        SnapshotDocument snapshot => snapshot.Disks.Where(disk => disk.MeantMode == SnapshotMode.Internal).Select(disk => (disk.Name, false)),
        _ => [],
    };

    private static string? Problem((string Disk, bool IsBitmap) need, string name, DiskContent? content)
    {
        if (content is null)
            return $"disk '{need.Disk}' is not there or has no qcow2 image";
        if (!need.IsBitmap)
            return content.Snapshots.Contains(name) ? null : $"the images of disk '{need.Disk}' have no internal snapshot '{name}'";
        return content.Bitmaps.TryGetValue(name, out bool whole)
            ? whole ? null : $"the bitmap '{name}' of disk '{need.Disk}' is inconsistent"
            : $"the images of disk '{need.Disk}' have no bitmap '{name}'";
    }

    // What a running machine's bitmaps are, only its QEMU knows: in the file there are stubs.
    private static async Task<IReadOnlyDictionary<string, ObservedLayer>> LiveAsync(DomainPlace place, DomainDocument domain, string[] disks, CancellationToken cancellation)
    {
        if (disks.Length == 0 || (await MachineProbe.RunAsync(place, domain, cancellation)).State is VMState.Stopped)
            return new Dictionary<string, ObservedLayer>(StringComparer.Ordinal);
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, disks, BlockAccess.Read, cancellation);
        return SessionView.BitmapsAtOpening(session);
    }

    private static async Task<DiskContent> ReadAsync(DomainDocument domain, string disk, ObservedLayer? live, CancellationToken cancellation)
    {
        var content = new DiskContent(new Dictionary<string, bool>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (ObservedBitmap bitmap in live?.Bitmaps.Values ?? [])
            content.Add(bitmap.Name, !bitmap.Inconsistent);
        IReadOnlyList<ImageLayer> chain = await DiskChain.ResolveAsync(domain.Name, domain.FindDisk(disk)!, readOnly: true, cancellation);
        foreach ((int index, ImageLayer layer) in chain.Index())
        {
            if (layer.Format != "qcow2")
                continue;
            await using Qcow2Image image = await Qcow2Image.OpenAsync(layer.Path, cancellation);
            foreach (Qcow2Snapshot snapshot in await image.SnapshotsAsync(cancellation))
                content.Snapshots.Add(snapshot.Name);
            if (live is not null && index == 0)
                continue;
            foreach (Qcow2Bitmap bitmap in await image.BitmapsAsync(cancellation))
                content.Add(bitmap.Name, !bitmap.InUse);
        }

        return content;
    }

    /// <param name="Bitmaps">By name: whether it is consistent on every layer that has it.</param>
    private sealed record DiskContent(Dictionary<string, bool> Bitmaps, HashSet<string> Snapshots)
    {
        public void Add(string bitmap, bool whole) => Bitmaps[bitmap] = whole && Bitmaps.GetValueOrDefault(bitmap, true);
    }
}
