using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// Takes the change tracking of an export back, disk by disk: as it was where the image bears the mark of the exported tip, else with every
/// edge lost and the reason. Nothing is taken on trust: an image that went on without us has another mark. Pure.
/// </summary>
internal static class TrackingReturn
{
    /// <summary>The moments of an import with what the package says of them.</summary>
    /// <exception cref="Errors.MomentException">The package belongs to other moments than the documents.</exception>
    public static IReadOnlyList<StoredMoment> Moments(TrackingPackage package, IReadOnlyList<StoredMoment> imported, string source)
    {
        var packed = package.Moments.ToDictionary(moment => moment.Key);
        foreach (StoredMoment moment in imported)
            if (!packed.TryGetValue(moment.Key, out StoredMoment? known) || known.Created.ToUnixTimeSeconds() != moment.Document.CreationTime)
                throw MetadataErrors.Altered(source, $"{moment.Key} is not the moment that it was recorded for");
        if (packed.Count != imported.Count)
            throw MetadataErrors.Altered(source, $"{packed.Keys.First(key => imported.All(moment => moment.Key != key))} is missing among the documents");
        foreach (MomentKey? named in package.Moments.Select(moment => moment.Parent).Concat(package.Branches.Select(branch => branch.Current)).Concat(package.Disks.SelectMany(disk => disk.Points.Values).Select(point => point.Moment)))
            if (named is { } key && !packed.ContainsKey(key))
                throw MetadataErrors.Altered(source, $"it names {key}, which is not among its moments");
        return [.. imported.Select(moment => packed[moment.Key] with { Document = moment.Document with { ParentName = packed[moment.Key].Parent?.Name } })];
    }

    /// <param name="seen">What is really on the disks that could be looked at.</param>
    /// <param name="lost">Told each disk whose record is not taken back, and why.</param>
    public static IReadOnlyList<DiskTracking> Disks(TrackingPackage package, DomainDocument domain, IReadOnlyDictionary<string, ObservedLayer> seen, Action<string, string> lost)
    {
        List<DiskTracking> disks = [];
        foreach (DiskTracking disk in package.Disks)
        {
            ObservedLayer? layer = seen.GetValueOrDefault(disk.Disk);
            string? doubt = domain.FindDisk(disk.Disk) is null ? "the domain does not have the disk" : Doubt(disk, layer);
            if (doubt is not null && disk.Points.Count > 0)
                lost(disk.Disk, doubt);
            DiskTracking placed = layer is null ? disk : Placed(disk, layer.Path);
            disks.Add(doubt is null ? placed : Lost(placed, $"imported, but {doubt}"));
        }

        return disks;
    }

    private static string? Doubt(DiskTracking disk, ObservedLayer? layer)
    {
        if (disk.ActiveTip is not { } tip)
            return null;
        if (layer is null)
            return "the image could not be looked at";
        return layer.Bitmaps.GetValueOrDefault(tip.Marker) switch
        {
            null => "the image does not bear the mark of the exported state: it went on without these moments, or is another one",
            { Inconsistent: true } => "the image's bitmaps are inconsistent: QEMU died while they were in use",
            { Recording: true } => "the image's mark was changed by somebody",
            // What the recording bitmap is worth is proven whenever it is used.
            _ => null,
        };
    }

    // The mark is what proves the image; its path may be another one on this host.
    private static DiskTracking Placed(DiskTracking disk, string path) => disk.ActiveTip is not { } tip ? disk
        : disk with { Layers = new Dictionary<string, TrackingLayer>(disk.Layers, StringComparer.Ordinal) { [tip.LayerId] = disk.Layers[tip.LayerId] with { Path = path } } };

    private static DiskTracking Lost(DiskTracking disk, string reason) => disk with
    {
        Points = disk.Points.ToDictionary(
            point => point.Key, point => point.Value.ParentId is null ? point.Value : point.Value with { Sources = [new SegmentSource.Lost(reason)] }, StringComparer.Ordinal),
    };
}
