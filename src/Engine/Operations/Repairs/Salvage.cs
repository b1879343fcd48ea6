using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// Which closed bitmaps of an image that QEMU did not close can be trusted all the same. The proof: every change of ours to closed bitmaps
/// replaces the mark of the recorded state in the same transaction, and QEMU writes removals to the file at once. So where the recorded
/// mark is still in the file, no closed bitmap was edited since the last clean close, and what is stored of them is all there is.
/// </summary>
/// <param name="Names">The bitmaps that are trusted, the mark among them; empty where there are none, or where <paramref name="Refusal"/> says why not.</param>
/// <param name="Refusal">Why nothing of the image is trusted, or null.</param>
internal sealed record Salvage(IReadOnlyList<string> Names, string? Refusal)
{
    /// <summary>Decides from what is stored in the file; nothing is written.</summary>
    public static async Task<Salvage> PlanAsync(Qcow2Image image, DiskTracking tracking, SegmentFile segments, CancellationToken cancellation)
    {
        if (tracking.ActiveTip is not { } tip)
            return Refused("nothing is recorded on the disk");
        if (BitmapRescue.WhyNot(image.Header) is { } unfit)
            return Refused(unfit);
        if (image.Header.Size != tracking.Points[tip.PointId].Size)
            return Refused($"its virtual size is {image.Header.Size} bytes, not {tracking.Points[tip.PointId].Size} as recorded");
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        if (bitmaps.FirstOrDefault(bitmap => bitmap.Name == tip.Marker) is not { Auto: false } mark)
            return Refused("it has lost the mark of the recorded state, so its bitmaps may have been edited in the session that was lost");
        if (!mark.InUse)
            return new Salvage([], null);
        HashSet<string> closed = [.. tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>()
            .Where(source => source.LayerId == tip.LayerId && source.Name != tip.Recording).Select(source => source.Name)];
        List<string> names = [mark.Name];
        foreach (Qcow2Bitmap bitmap in bitmaps.Where(bitmap => bitmap is { InUse: true, Auto: false, Granularity: TrackingProof.Granularity } && closed.Contains(bitmap.Name)))
            if (await HoldsAllAsync(image, bitmap, tracking, segments, cancellation))
                names.Add(bitmap.Name);
        return new Salvage(names, null);
    }

    /// <summary>Plans again while nobody else can open the image, and clears the flags.</summary>
    public static async Task<Salvage> RunAsync(string path, DiskTracking tracking, SegmentFile segments, CancellationToken cancellation)
    {
        using SoleImage sole = SoleImage.Open(path);
        Salvage plan;
        await using (Qcow2Image image = await sole.ReadAsync(cancellation))
            plan = await PlanAsync(image, tracking, segments, cancellation);
        if (plan.Names.Count > 0)
            await BitmapRescue.RunAsync(sole, plan.Names, cancellation);
        return plan;
    }

    // Readable, and no smaller than what was saved beside it when it closed.
    private static async Task<bool> HoldsAllAsync(Qcow2Image image, Qcow2Bitmap bitmap, DiskTracking tracking, SegmentFile segments, CancellationToken cancellation)
    {
        try
        {
            ExtentMap stored = await BitmapRescue.ReadAsync(image, bitmap, cancellation);
            return tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>()
                .Where(source => source.Name == bitmap.Name).Select(source => source.SidecarId).OfType<string>().Distinct(StringComparer.Ordinal)
                .All(id => Saved(segments, id, tracking.Disk).Clip(image.Header.Size).Subtract(stored).Count == 0);
        }
        catch (MomentException damaged) when (damaged.ErrorId.Kind is ErrorKind.CorruptData or ErrorKind.Unsupported)
        {
            return false;
        }
    }

    private static ExtentMap Saved(SegmentFile segments, string id, string disk)
    {
        try
        {
            return segments.Read(id, disk).Blocks;
        }
        catch (MomentException damaged) when (damaged.ErrorId == MomentErrors.SegmentUnreadable)
        {
            return ExtentMap.Empty;
        }
    }

    private static Salvage Refused(string why) => new([], why);
}
