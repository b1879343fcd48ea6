using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// A closed bitmap on a layer that is written no more: QEMU stored it when the layer was frozen, so it is read from the file. It counts
/// only where the file is still the one that was frozen, which its mark tells, and the bitmap is closed and whole.
/// </summary>
internal sealed record FrozenBitmap(TrackingLayer Layer, string Name)
{
    /// <summary>Its blocks, with all that lies beyond the image's size; or why it cannot be trusted.</summary>
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
            long end = image.Header.Size;
            return (end < size ? blocks.Union(ExtentMap.Of(new Extent(end, size - end))) : blocks.Clip(size), null);
        }
        catch (MomentException failure)
        {
            return (ExtentMap.Empty, $"its bitmap '{Name}' could not be read: {failure.Message.TrimEnd('.')}");
        }
    }

    private string? WhyNot(IReadOnlyList<Qcow2Bitmap> bitmaps)
    {
        string[] marks = [.. bitmaps.Where(bitmap => bitmap is { InUse: false, Auto: false }).Select(bitmap => bitmap.Name).Where(name => name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal))];
        if (marks is not [string mark] || mark != TrackingTip.MarkerPrefix + Layer.FrozenTop)
            return $"the frozen image '{Layer.Path}' holds another state than the one that was recorded";
        return bitmaps.FirstOrDefault(bitmap => bitmap.Name == Name) switch
        {
            null => $"the bitmap '{Name}' is not in the frozen image '{Layer.Path}' any more",
            { InUse: true } => $"the bitmap '{Name}' in the frozen image '{Layer.Path}' is inconsistent",
            { Auto: true } => $"the bitmap '{Name}' in the frozen image '{Layer.Path}' was switched on again by somebody",
            { Granularity: not TrackingProof.Granularity } other => $"the bitmap '{Name}' in the frozen image '{Layer.Path}' has a granularity of {other.Granularity} bytes and was not made here",
            _ => null,
        };
    }
}
