using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// The sidecar of what an external snapshot closed. QEMU stored the closed bitmaps when it froze the layers, so that their files have them;
/// of a file that this user may not read, the machine gives them through a private copy on the new layer.
/// </summary>
internal static class FrozenSegments
{
    /// <summary>Reads what closed; what can be read in no way is left out: the bitmap in the file then stands for itself.</summary>
    /// <param name="session">The line to the machine, or null where only the files are left.</param>
    public static async Task<IReadOnlyDictionary<string, Segment>> ReadAsync(IReadOnlyList<SnapshotStep> steps, BlockSession? session, string operationId, CancellationToken cancellation)
    {
        Dictionary<string, Segment> segments = new(StringComparer.Ordinal);
        foreach (SnapshotStep step in steps.Where(step => step.Closed is not null))
        {
            (ExtentMap blocks, string? doubt) = await new FrozenBitmap(step.Base, step.Closed!, step.Base.FrozenTop!, long.MaxValue).ReadAsync(step.Size, cancellation);
            if (doubt is null)
                segments[step.Disk] = new Segment(blocks, step.Size, TrackingProof.Granularity);
            else if (session is not null)
                segments[step.Disk] = await OverMachineAsync(step, session, $"mt-tmp-{operationId}", cancellation);
        }

        return segments;
    }

    /// <summary>Writes the sidecar. Where there is no space for it, it is done without: it is the second copy.</summary>
    public static void Write(SegmentFile file, string id, IReadOnlyDictionary<string, Segment> segments, Action<string>? warn)
    {
        if (segments.Count == 0 || file.IsWhole(id))
            return;
        try
        {
            // What a killed process was still writing when it died.
            if (File.Exists(file.PathOf(id)))
                file.Delete([id]);
            file.Write(id, segments);
        }
        catch (MomentException failure) when (failure.ErrorId == FileErrors.StorageFull || failure.ErrorId == FileErrors.StorageFailed || failure.ErrorId == FileErrors.StorageAccessDenied)
        {
            warn?.Invoke($"What was written until the snapshot could not be saved beside the images: {failure.Message} It is in the frozen layers alone.");
        }
    }

    private static async Task<Segment> OverMachineAsync(SnapshotStep step, BlockSession session, string copy, CancellationToken cancellation)
    {
        string node = step.Overlay.NodeName;
        await session.Qmp.TransactionAsync(
            [
                TransactionAction.BitmapAdd(node, copy, granularity: TrackingProof.Granularity, disabled: true),
                TransactionAction.BitmapMerge(node, copy, [new BitmapRef(step.Node, step.Closed!)]),
            ], cancellation);
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            return (await SegmentCapture.ReadAsync(exports, node, copy, step.Size, cancellation))!;
        }
        finally
        {
            await session.Qmp.BitmapRemoveAsync(node, copy, CancellationToken.None);
        }
    }
}
