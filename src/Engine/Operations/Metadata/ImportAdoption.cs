using MomentTools.Moments;
using MomentTools.Operations.Foreign;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>Imported checkpoints whose bitmaps record in the images, as libvirt's do.</summary>
internal static class ImportAdoption
{
    /// <summary>The bitmaps that can be adopted; of each other that is there it is told why not.</summary>
    /// <param name="scope">The domain, held.</param>
    /// <param name="imported">The moments to come.</param>
    /// <param name="report">Told what is not adopted.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<IReadOnlyList<AdoptedBitmap>> FindAsync(ChangeScope scope, IReadOnlyList<StoredMoment> imported, IOperationReport report, CancellationToken cancellation)
    {
        AdoptedBitmap[] wanted = [.. imported.Where(moment => moment.Document is CheckpointDocument).SelectMany(moment => ((CheckpointDocument)moment.Document).Disks
            .Where(disk => disk.Mode == CheckpointMode.Bitmap && scope.Domain.FindDisk(disk.Name) is { Format: "qcow2" })
            .Select(disk => new AdoptedBitmap(disk.Name, disk.Bitmap ?? moment.Key.Name, moment.Key)))];
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(
            scope.Place, scope.Domain, scope.State, [.. wanted.Select(bitmap => bitmap.Disk).Distinct(StringComparer.Ordinal)], report, cancellation);
        List<AdoptedBitmap> found = [];
        foreach (IGrouping<string, AdoptedBitmap> disk in wanted.Where(bitmap => seen.ContainsKey(bitmap.Disk)).GroupBy(bitmap => bitmap.Disk, StringComparer.Ordinal))
        {
            var owner = new BitmapOwner(scope.State.Disk(disk.Key));
            foreach (AdoptedBitmap bitmap in disk)
            {
                ObservedBitmap? there = seen[disk.Key].Bitmaps.GetValueOrDefault(bitmap.Bitmap);
                if (there is null || owner.Of(seen[disk.Key].Path, bitmap.Bitmap) is not null)
                    continue;
                if (ForeignBitmaps.WhyNot(there) is { } why)
                    report.Warning($"Disk '{disk.Key}' of '{scope.Place.Name}': the bitmap '{bitmap.Bitmap}' is not adopted: {why}. What changed since '{bitmap.Moment.Name}' is not known.");
                else
                    found.Add(bitmap);
            }
        }

        return found;
    }

    /// <summary>Where nothing else says which moment is the current one, it is the youngest that adopted a bitmap.</summary>
    public static DomainMoments WithCurrent(DomainMoments moments, IEnumerable<AdoptedBitmap> adopted) =>
        moments.Current is not null || moments.Disks.Values.Any(disk => disk.Current is not null) ? moments
            : moments with { Current = adopted.Select(bitmap => bitmap.Moment).Distinct().MaxBy(moment => (moments.Moments[moment].Created, moment.Name)) };
}
