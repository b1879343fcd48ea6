using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>
/// Makes closed bitmaps usable again that QEMU left marked as in use when it died. The bits of a closed bitmap were stored at the last
/// clean close and QEMU writes none of them while the image is open, so the flag alone stands in the way. Whether a bitmap was edited in
/// the lost session is for the caller to know.
/// </summary>
internal static class BitmapRescue
{
    /// <summary>Why the image as a whole is not to be written to, or null.</summary>
    public static string? WhyNot(Qcow2Header header) =>
        !header.BitmapsValid ? "a program that knows no bitmaps wrote to the image since they were stored"
        : header.IsCorrupt ? "the image is marked as corrupt"
        : header.IsDirty ? "the image's reference counts wait to be repaired: let QEMU or its storage daemon open it once"
        : header.HasDataFile ? "its data lies in an external file"
        : null;

    /// <summary>What a bitmap marked as in use holds on disk; every entry of its table is checked as for any other.</summary>
    public static Task<ExtentMap> ReadAsync(Qcow2Image image, Qcow2Bitmap bitmap, CancellationToken cancellation) =>
        image.ReadBitmapAsync(bitmap with { Flags = bitmap.Flags & ~Qcow2BitmapFlags.InUse }, cancellation);

    /// <summary>
    /// Clears the flag of these bitmaps, each closed (without the flag auto) and readable, and reads all of it again: nothing else in the
    /// directory may have changed.
    /// </summary>
    public static async Task RunAsync(SoleImage image, IReadOnlyCollection<string> names, CancellationToken cancellation)
    {
        IReadOnlyList<Qcow2Bitmap> before = await DirectoryAsync(image, cancellation);
        Qcow2Bitmap[] chosen = [.. before.Where(bitmap => bitmap.InUse && names.Contains(bitmap.Name, StringComparer.Ordinal))];
        if (chosen.FirstOrDefault(bitmap => bitmap.Auto) is { } recording)
            throw Qcow2Errors.BitmapInvalid(image.Path, recording.Name, "it was recording, and what it recorded last was never stored");
        foreach (Qcow2Bitmap bitmap in chosen)
            image.ClearInUse(bitmap);
        Qcow2Bitmap[] expected = [.. before.Select(bitmap => chosen.Contains(bitmap) ? bitmap with { Flags = bitmap.Flags & ~Qcow2BitmapFlags.InUse } : bitmap)];
        IReadOnlyList<Qcow2Bitmap> after = await DirectoryAsync(image, cancellation);
        if (!after.SequenceEqual(expected))
            throw Qcow2Errors.Unverified(image.Path, string.Join("', '", chosen.Select(bitmap => bitmap.Name)), "the directory does not read as it was written");
    }

    private static async Task<IReadOnlyList<Qcow2Bitmap>> DirectoryAsync(SoleImage image, CancellationToken cancellation)
    {
        await using Qcow2Image reader = await image.ReadAsync(cancellation);
        if (WhyNot(reader.Header) is { } why)
            throw new MomentException(Qcow2Errors.Qcow2BitmapInconsistent, $"Cannot make bitmaps of '{image.Path}' usable again: {why}.", image.Path, "Remove them; the changes they recorded are unknown.");
        return await reader.BitmapsAsync(cancellation);
    }
}
