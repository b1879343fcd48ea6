using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// What a layer itself holds, in place of a recording that was lost: everything that was ever written above the frozen image beneath is
/// in it, so all that changed since any flushed point on the layer is too. Coarse, and true only under conditions that are all checked.
/// </summary>
/// <param name="Blocks">Every run that the layer does not leave to the image beneath it; null where <paramref name="Refusal"/> says why not.</param>
/// <param name="Refusal">Why it cannot be used, or null.</param>
internal sealed record LayerAllocation(ExtentMap? Blocks, string? Refusal)
{
    /// <param name="image">The active layer, which nobody writes to now.</param>
    /// <param name="tracking">The disk's tree.</param>
    /// <param name="moments">The moments, for the time at which each was taken.</param>
    /// <param name="beneath">The images under it.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static async Task<LayerAllocation> ReadAsync(
        Qcow2Image image, DiskTracking tracking, DomainMoments moments, IReadOnlyList<string> beneath, DateTimeOffset now, CancellationToken cancellation)
    {
        string? refusal = await WhyNotAsync(image, tracking, moments, beneath, now, cancellation);
        if (refusal is not null)
            return new LayerAllocation(null, refusal);
        var blocks = new ExtentMapBuilder();
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Header.Size, cancellation))
            if (run is not Qcow2Mapping.Unallocated)
                blocks.Add(run.Offset.Value, run.Length);
        return new LayerAllocation(blocks.Build().RoundOut(TrackingProof.Granularity, image.Header.Size), null);
    }

    private static async Task<string?> WhyNotAsync(
        Qcow2Image image, DiskTracking tracking, DomainMoments moments, IReadOnlyList<string> beneath, DateTimeOffset now, CancellationToken cancellation)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Points[tip.PointId] is not { ParentId: { } parent } end || !tracking.Points.TryGetValue(parent, out TrackingPoint? point))
            return "there is no moment before";
        if (image.Header.BackingFile is null || beneath.Count == 0)
            return "the image stands on no other, so what it holds says nothing of when it was written";
        if (image.Header.HasDataFile || image.Header.IsCorrupt || image.Header.IsDirty)
            return "the image cannot be read for certain";
        if (image.Header.SnapshotCount > 0)
            return "the image holds internal snapshots";
        if (!point.Flushed || point.LayerId != tip.LayerId)
            return "the moment before lies on another image, or what the guest had written was not flushed then";
        if (image.Header.Size != point.Size || image.Header.Size != end.Size || end.Floor < end.Size)
            return "the disk's size has changed";
        // Whoever applies an internal snapshot, or puts another state in the image's place, has to remove every bitmap first.
        if (!(await image.BitmapsAsync(cancellation)).Any(bitmap => bitmap.Name == tip.Marker && !bitmap.Auto))
            return "the image has lost the mark of the recorded state";
        if (point.Moment is not { } key || !moments.Moments.TryGetValue(key, out StoredMoment? moment) || moment.Created > now)
            return "the time of the moment before is not known";
        foreach (string path in beneath)
            if (LastChange(path) is not { } changed || changed >= moment.Created)
                return $"'{path}', on which it stands, may have been changed since '{key.Name}'";
        return null;
    }

    // Of content and of the file itself: a copy put in its place keeps the one time, not the other.
    private static DateTimeOffset? LastChange(string path)
    {
        try
        {
            return Libc.LastChange(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or MomentException)
        {
            return null;
        }
    }
}
