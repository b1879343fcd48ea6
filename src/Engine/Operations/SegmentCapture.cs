using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// Right after a checkpoint's transaction: flushes each disk (what the guest had written must not vanish in a crash behind a checkpoint
/// that was reported) and reads the closed segments through read-only exports of their private copies.
/// </summary>
internal static class SegmentCapture
{
    public static async Task<IReadOnlyDictionary<string, Segment>> RunAsync(
        SessionExports exports, IReadOnlyList<CheckpointStep> steps, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        Dictionary<string, Segment> segments = new(StringComparer.Ordinal);
        foreach (CheckpointStep step in steps)
        {
            BitmapRef[] bitmaps = step.Copy is null ? [] : [new BitmapRef(step.Node, step.Copy)];
            string[] contexts = step.Copy is null ? [] : [NbdContext.DirtyBitmapPrefix + step.Copy];
            await using NbdClient client = await exports.ConnectAsync(step.Node, bitmaps, contexts, cancellation);
            await client.FlushAsync(cancellation);
            if (step.Copy is not null)
                segments[step.Disk] = new Segment(await client.ReadDirtyBitmapAsync(contexts[0], cancellation), seen[step.Disk].Size, TrackingProof.Granularity);
        }

        return segments;
    }
}
