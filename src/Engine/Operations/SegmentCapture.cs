using MomentTools.Blocks;
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
    // Disks wait for QEMU and for storage, not for this process: a few at a time is as fast as it gets.
    private const int AtOnce = 8;

    public static async Task<IReadOnlyDictionary<string, Segment>> RunAsync(
        SessionExports exports, IReadOnlyList<CheckpointStep> steps, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        Segment?[] read = new Segment?[steps.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation };
        await Parallel.ForAsync(0, steps.Count, options, async (index, token) =>
            read[index] = await ReadAsync(exports, steps[index], seen[steps[index].Disk].Size, token));
        Dictionary<string, Segment> segments = new(StringComparer.Ordinal);
        for (int i = 0; i < read.Length; i++)
            if (read[i] is { } segment)
                segments[steps[i].Disk] = segment;
        return segments;
    }

    private static async Task<Segment?> ReadAsync(SessionExports exports, CheckpointStep step, long size, CancellationToken cancellation)
    {
        BitmapRef[] bitmaps = step.Copy is null ? [] : [new BitmapRef(step.Node, step.Copy)];
        string[] contexts = step.Copy is null ? [] : [NbdContext.DirtyBitmapPrefix + step.Copy];
        await using NbdClient client = await exports.ConnectAsync(step.Node, bitmaps, contexts, cancellation);
        Task flush = client.FlushAsync(cancellation);
        // The copy is closed: it says the same before the flush as after.
        Task<ExtentMap>? blocks = step.Copy is null ? null : client.ReadDirtyBitmapAsync(contexts[0], cancellation);
        await Task.WhenAll([flush, .. blocks is null ? (Task[])[] : [blocks]]);
        return blocks is null ? null : new Segment(await blocks, size, TrackingProof.Granularity);
    }
}
