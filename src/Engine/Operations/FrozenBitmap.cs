using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// A closed bitmap on a layer that the machine does not write to: QEMU stored it when the layer was frozen, or the machine went to another
/// branch, so it is read from the file. It counts only where the file is still the one that was left, which its mark tells, and the bitmap
/// is closed and whole.
/// </summary>
/// <param name="Layer">The layer.</param>
/// <param name="Name">The bitmap.</param>
/// <param name="Mark">The point whose mark the layer bears: the last one before it was frozen, or the tip of its branch.</param>
/// <param name="Floor">Beyond this offset in bytes it says nothing: the disk was smaller since, and the bitmap was cut with it.</param>
internal sealed record FrozenBitmap(TrackingLayer Layer, string Name, string Mark, long Floor)
{
    /// <summary>A bitmap on a layer of a disk, or null where the machine writes to that layer or it is not known what mark it bears.</summary>
    public static FrozenBitmap? Find(DiskTracking tracking, SegmentSource.Bitmap bitmap)
    {
        if (bitmap.LayerId == tracking.ActiveTip?.LayerId || tracking.Layers.GetValueOrDefault(bitmap.LayerId) is not { } layer)
            return null;
        TrackingTip? tip = tracking.Tips.Values.FirstOrDefault(tip => tip.LayerId == layer.Id && tip.Saved is null);
        // What records for another branch's tip is not closed: it says what happened there since, and goes on when the machine comes back.
        return bitmap.Name == tip?.Recording || (tip?.PointId ?? layer.FrozenTop) is not { } mark ? null : new FrozenBitmap(layer, bitmap.Name, mark, tracking.LayerFloor(layer.Id));
    }

    private string MarkName => TrackingTip.MarkerPrefix + Mark;

    /// <summary>Its blocks, with all of which it says nothing because the disk was smaller; or why it cannot be trusted.</summary>
    /// <param name="size">Where the answer ends, in bytes.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public async Task<(ExtentMap Blocks, string? Doubt)> ReadAsync(long size, CancellationToken cancellation)
    {
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(Layer.Path, cancellation);
            IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
            if (WhyNot(bitmaps) is { } doubt)
                return (ExtentMap.Empty, doubt);
            ExtentMap blocks = await image.ReadBitmapAsync(bitmaps.First(bitmap => bitmap.Name == Name), cancellation);
            long end = Math.Min(image.Header.Size, Floor);
            // Since the mark was made nobody has written down how small the disk was; but the mark was cut with it as well, and all its bits were set.
            if (bitmaps.First(bitmap => bitmap.Name == MarkName) is { Granularity: TrackingProof.Granularity } mark)
                blocks = blocks.Union(ExtentMap.Of(new Extent(0, image.Header.Size)).Subtract(await image.ReadBitmapAsync(mark, cancellation)));
            return (end < size ? blocks.Clip(size).Union(ExtentMap.Of(new Extent(end, size - end))) : blocks.Clip(size), null);
        }
        catch (MomentException failure)
        {
            return (ExtentMap.Empty, $"its bitmap '{Name}' could not be read: {failure.Message.TrimEnd('.')}");
        }
    }

    /// <summary>Whether it is there, closed and whole, on a layer that was looked at.</summary>
    public bool IsProven(ObservedLayer seen) => seen.Bitmaps.GetValueOrDefault(MarkName) is { Inconsistent: false, Recording: false }
        && seen.Bitmaps.GetValueOrDefault(Name) is { Inconsistent: false, Recording: false, Granularity: TrackingProof.Granularity };

    private string? WhyNot(IReadOnlyList<Qcow2Bitmap> bitmaps)
    {
        // Every change of ours replaces the mark; beside it there may be one of a history that was removed without the bitmaps.
        if (!bitmaps.Any(bitmap => bitmap is { InUse: false, Auto: false } && bitmap.Name == MarkName))
            return $"the image '{Layer.Path}' holds another state than the one that was recorded";
        return bitmaps.FirstOrDefault(bitmap => bitmap.Name == Name) switch
        {
            null => $"the bitmap '{Name}' is not in the image '{Layer.Path}' any more",
            { InUse: true } => $"the bitmap '{Name}' in the image '{Layer.Path}' is inconsistent",
            { Auto: true } => $"the bitmap '{Name}' in the image '{Layer.Path}' was switched on again by somebody",
            { Granularity: not TrackingProof.Granularity } other => $"the bitmap '{Name}' in the image '{Layer.Path}' has a granularity of {other.Granularity} bytes and was not made here",
            _ => null,
        };
    }
}
