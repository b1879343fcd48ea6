using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// After the descriptions: imported checkpoints whose bitmaps record in the images, as libvirt's do. The descriptions are known by then, so
/// that a failure here costs none of them.
/// </summary>
internal static class ImportAdoption
{
    /// <param name="scope">The domain, still held.</param>
    /// <param name="imported">The moments that were imported.</param>
    public static async Task RunAsync(ChangeScope scope, IReadOnlyList<StoredMoment> imported, IOperationReport report, CancellationToken cancellation)
    {
        CheckpointDocument[] checkpoints = [.. imported.Select(moment => moment.Document).OfType<CheckpointDocument>()];
        string[] disks = [.. checkpoints.SelectMany(checkpoint => checkpoint.Disks).Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => disk.Name).Distinct(StringComparer.Ordinal)];
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation);
        foreach (string disk in disks.Where(seen.ContainsKey))
        {
            string[] recording = [.. checkpoints.Select(checkpoint => checkpoint.Name!).Where(name => seen[disk].Bitmaps.GetValueOrDefault(name) is { Recording: true, Inconsistent: false })];
            if (recording.Length > 0)
                report.Verbose($"Disk '{disk}' of '{scope.Place.Name}': the bitmaps of {recording.Length} imported checkpoints record.");
        }
    }
}
