using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>The active layer of a disk as it really is at this moment: the facts that tracking is proven against.</summary>
/// <param name="Path">The image.</param>
/// <param name="Size">The virtual size in bytes.</param>
/// <param name="Bitmaps">The bitmaps by name.</param>
internal sealed record ObservedLayer(string Path, long Size, IReadOnlyDictionary<string, ObservedBitmap> Bitmaps)
{
    /// <summary>The image files from this one down; null where nobody looked, which proves nothing of them.</summary>
    public SeenChain? Chain { get; init; }

    public static ObservedLayer From(string path, long size, IEnumerable<QmpDirtyBitmap> bitmaps) =>
        new(path, size, bitmaps.Where(bitmap => bitmap.Name is not null).Select(ObservedBitmap.From).ToDictionary(bitmap => bitmap.Name, StringComparer.Ordinal));

    /// <summary>Reads the file of a machine that does not run.</summary>
    public static async Task<ObservedLayer> ReadAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        var found = bitmaps.Select(ObservedBitmap.From).ToDictionary(bitmap => bitmap.Name, StringComparer.Ordinal);
        foreach (Qcow2Bitmap mark in bitmaps.Where(bitmap => bitmap.Name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal) && bitmap is { InUse: false, Granularity: TrackingProof.Granularity }))
            found[mark.Name] = found[mark.Name] with { Count = TrackingProof.InBlocks((await image.ReadBitmapAsync(mark, cancellation)).TotalLength) };
        return new ObservedLayer(path, image.Header.Size, found) { Chain = new SeenChain(await LayerReading.ChainAsync(path, "qcow2", cancellation)) };
    }
}
