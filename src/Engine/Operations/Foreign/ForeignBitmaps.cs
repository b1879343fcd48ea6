using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Foreign;

/// <summary>Which bitmaps of other programs can be adopted. Pure.</summary>
internal static class ForeignBitmaps
{
    /// <summary>Why what a bitmap recorded is not known for certain, without a full stop; or null.</summary>
    public static string? WhyNot(ObservedBitmap? bitmap) => bitmap switch
    {
        null => "the active image has no bitmap of that name",
        { Inconsistent: true } => "it is inconsistent, because QEMU died while the image was open, so what it recorded is lost",
        { Recording: false } => "it does not record, so nobody knows what was written since it was switched off",
        { Busy: true } => "a job or an export in QEMU uses it",
        _ => null,
    };

    /// <summary>Refuses a bitmap by name, with the reason.</summary>
    public static void RequireAdoptable(string vm, DiskTracking tracking, AdoptedBitmap adopted, ObservedLayer seen)
    {
        ObservedBitmap? bitmap = seen.Bitmaps.GetValueOrDefault(adopted.Bitmap);
        if (bitmap is null)
            throw new MomentException(OperationErrors.BitmapNotFound, $"The active image of disk '{adopted.Disk}' of '{vm}' has no bitmap '{adopted.Bitmap}'.", adopted.Bitmap, "Get-VMBitmap shows those that are there.");
        if (new BitmapOwner(tracking).Of(seen.Path, adopted.Bitmap) is { } owner)
            throw new MomentException(
                OperationErrors.BitmapOwned, $"Cannot adopt bitmap '{adopted.Bitmap}' of disk '{adopted.Disk}' of '{vm}': {(owner == BitmapOwner.Nameless ? "it is ours already" : $"it belongs to the moment '{owner}'")}.", adopted.Bitmap, "Get-VMBitmap shows the bitmaps that are foreign.");
        if (WhyNot(bitmap) is { } why)
            throw ForeignErrors.NotAdoptable(vm, adopted.Disk, adopted.Bitmap, why);
        if (adopted.Bitmap != adopted.Moment.Name && seen.Bitmaps.ContainsKey(adopted.Moment.Name))
            throw new MomentException(
                OperationErrors.BitmapExists, $"Cannot adopt bitmap '{adopted.Bitmap}' of disk '{adopted.Disk}' of '{vm}' as '{adopted.Moment.Name}': the image has a bitmap of that name already.", adopted.Moment.Name, "Choose another name.");
    }
}
