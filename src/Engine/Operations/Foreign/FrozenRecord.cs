using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Foreign;

/// <summary>
/// What the layers below the active one hold of a bitmap that libvirt has carried on into each external snapshot's overlay by its name: it
/// was frozen in each of them while it recorded.
/// </summary>
/// <param name="Blocks">The union of all of them.</param>
/// <param name="Layers">How many layers have a part.</param>
/// <param name="Smallest">The smallest virtual size of those layers in bytes; <see cref="long.MaxValue"/> where there is none.</param>
/// <param name="Largest">The largest.</param>
/// <param name="First">The size of the layer that the bitmap was begun on, in bytes; null where that is the active one.</param>
/// <param name="Doubt">Why a part is not known, or null.</param>
internal sealed record FrozenRecord(ExtentMap Blocks, int Layers, long Smallest, long Largest, long? First, string? Doubt)
{
    private static readonly FrozenRecord None = new(ExtentMap.Empty, 0, long.MaxValue, 0, null, null);

    /// <summary>Reads the files; each bitmap by its name.</summary>
    /// <param name="chain">The disk's layers, the active one first.</param>
    /// <param name="names">The bitmaps.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public static async Task<IReadOnlyDictionary<string, FrozenRecord>> ReadAsync(IReadOnlyList<SeenLayer> chain, IReadOnlyCollection<string> names, CancellationToken cancellation)
    {
        // Where the chain cannot be followed to its end, a part of a bitmap may lie beyond: nothing is adopted that may be too small.
        if (chain.FirstOrDefault(layer => layer.Trouble is not null) is { Trouble: { } trouble })
            throw trouble;
        if (chain[^1].Facts!.BackingFile is { } beyond)
            throw new MomentException(
                ForeignErrors.BitmapNotAdoptable, $"Cannot adopt bitmaps: '{chain[^1].Path}' stands on '{beyond}', which cannot be read as a file of a known format, and parts of them may lie there. Nothing was changed.", chain[^1].Path,
                "Say the format with 'qemu-img rebase -u -b BACKING -F FORMAT' once the image is not in use, or import with -MetadataOnly.");
        List<(string Path, long Size, Dictionary<string, (Qcow2Bitmap Bitmap, ExtentMap? Blocks)> Bitmaps)> layers = [];
        // A raw layer has no bitmaps.
        foreach (SeenLayer layer in chain.Skip(1).Where(layer => layer.Facts!.Format == "qcow2"))
            layers.Add(await ReadAsync(layer.Path, names, cancellation));
        return names.ToDictionary(name => name, name => Of(name, layers), StringComparer.Ordinal);
    }

    private static async Task<(string Path, long Size, Dictionary<string, (Qcow2Bitmap Bitmap, ExtentMap? Blocks)> Bitmaps)> ReadAsync(
        string path, IReadOnlyCollection<string> names, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        Dictionary<string, (Qcow2Bitmap Bitmap, ExtentMap? Blocks)> found = new(StringComparer.Ordinal);
        foreach (Qcow2Bitmap bitmap in (await image.BitmapsAsync(cancellation)).Where(bitmap => names.Contains(bitmap.Name, StringComparer.Ordinal)))
            found[bitmap.Name] = (bitmap, bitmap.InUse ? null : await image.ReadBitmapAsync(bitmap, cancellation));
        return (path, image.Header.Size, found);
    }

    private static FrozenRecord Of(string name, List<(string Path, long Size, Dictionary<string, (Qcow2Bitmap Bitmap, ExtentMap? Blocks)> Bitmaps)> layers)
    {
        FrozenRecord record = None;
        int first = layers.FindLastIndex(layer => layer.Bitmaps.ContainsKey(name));
        foreach ((string path, long size, var bitmaps) in layers.Take(first + 1))
        {
            string? doubt = !bitmaps.TryGetValue(name, out var part) ? $"the layer '{path}' between has no bitmap '{name}'"
                : part.Bitmap.InUse ? $"the bitmap '{name}' of the layer '{path}' is inconsistent"
                : part.Bitmap.Auto ? null
                : $"the bitmap '{name}' of the layer '{path}' did not record any more when that was frozen";
            if (doubt is not null)
                return None with { Doubt = doubt };
            record = new FrozenRecord(record.Blocks.Union(part.Blocks!.RoundOut(TrackingProof.Granularity, size)), record.Layers + 1, Math.Min(record.Smallest, size), Math.Max(record.Largest, size), size, null);
        }

        return record;
    }
}
