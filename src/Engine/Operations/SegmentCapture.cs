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
            read[index] = await ReadAsync(exports, steps[index].Node, steps[index].Copy, seen[steps[index].Disk].Size, token));
        Dictionary<string, Segment> segments = new(StringComparer.Ordinal);
        for (int i = 0; i < read.Length; i++)
            if (read[i] is { } segment)
                segments[steps[i].Disk] = segment;
        return segments;
    }

    /// <summary>Flushes a node and reads a closed bitmap on it.</summary>
    /// <param name="copy">The private copy, or null: only the flush is wanted.</param>
    public static async Task<Segment?> ReadAsync(SessionExports exports, string node, string? copy, long size, CancellationToken cancellation)
    {
        BitmapRef[] bitmaps = copy is null ? [] : [new BitmapRef(node, copy)];
        string[] contexts = copy is null ? [] : [NbdContext.DirtyBitmapPrefix + copy];
        NbdClient client = await exports.ConnectAsync(node, bitmaps, contexts, cancellation);
        Task flush = client.FlushAsync(cancellation);
        // The copy is closed: it says the same before the flush as after.
        Task<ExtentMap>? blocks = copy is null ? null : client.ReadDirtyBitmapAsync(contexts[0], cancellation);
        await Task.WhenAll([flush, .. blocks is null ? (Task[])[] : [blocks]]);
        return blocks is null ? null : new Segment(await blocks, size, TrackingProof.Granularity);
    }
}
