using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// The bitmaps in a machine's active images that belong to nothing of ours, for tab completion: from the images' bitmap directories alone. QEMU
/// writes those when it closes an image, so that of a machine that runs they say what was there when it was started.
/// </summary>
internal static class BitmapCompletion
{
    /// <param name="place">The machine.</param>
    /// <param name="domain">Its definition.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="query">What is asked for.</param>
    /// <param name="disks">The disks; empty for all.</param>
    /// <param name="adoptable">Only those that can become checkpoints, because they record.</param>
    public static IEnumerable<CompletionItem> Items(DomainPlace place, DomainDocument domain, DomainMoments state, CompletionQuery query, IReadOnlyList<string> disks, bool adoptable)
    {
        bool runs = MachineProbe.Find(place, domain).Monitor is not null;
        ServedDisks served = ServedDisks.Of(place);
        List<(string Disk, Qcow2Bitmap Bitmap)> found = [];
        foreach (DomainDisk disk in domain.Disks.Where(disk => disk is { Format: "qcow2", SourcePath: not null } && (disks.Count == 0 || disks.Contains(disk.Target, StringComparer.Ordinal))))
        {
            var owner = new BitmapOwner(state.Disk(disk.Target));
            found.AddRange(Read(disk.SourcePath!)
                .Where(bitmap => query.Takes(bitmap.Name) && owner.Of(disk.SourcePath!, bitmap.Name) is null && !IsServed(bitmap.Name))
                .Where(bitmap => !adoptable || (bitmap.Auto && (runs || !bitmap.InUse)))
                .Select(bitmap => (disk.Target, bitmap)));
        }

        return found.GroupBy(one => one.Bitmap.Name, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => new CompletionItem(
            group.Key, $"bitmap on {string.Join(", ", group.Select(one => one.Disk))} of {place.Name}, {CompletionTips.Bytes(group.First().Bitmap.Granularity)} a bit, {Words(group.First().Bitmap, runs)}"));

        bool IsServed(string name) => name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal) && served.OfId(name[BlockSnapshotNodes.Prefix.Length..]) is not null;
    }

    private static string Words(Qcow2Bitmap bitmap, bool runs) => bitmap switch
    {
        { InUse: true } when !runs => "inconsistent",
        { InUse: true } => "as the running machine found it",
        { Auto: true } => "recording",
        _ => "off",
    };

    // One image that cannot be read hides nothing of the others.
    private static IReadOnlyList<Qcow2Bitmap> Read(string path)
    {
        try
        {
            return Task.Run(async () =>
            {
                await using Qcow2Image image = await Qcow2Image.OpenAsync(path, CancellationToken.None);
                return await image.BitmapsAsync(CancellationToken.None);
            }).GetAwaiter().GetResult();
        }
        catch (MomentException)
        {
            return [];
        }
    }
}
