using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>A bitmap as it really is, whether QEMU or the image file was asked.</summary>
internal sealed record ObservedBitmap(string Name, long Granularity, bool Recording, bool Inconsistent, bool Persistent, bool Busy, long? Count)
{
    public static ObservedBitmap From(QmpDirtyBitmap bitmap) =>
        new(bitmap.Name!, bitmap.Granularity, bitmap.Recording, bitmap.Inconsistent, bitmap.Persistent, bitmap.Busy, bitmap.Inconsistent ? null : bitmap.Count);

    public static ObservedBitmap From(Qcow2Bitmap bitmap) =>
        new(bitmap.Name, bitmap.Granularity, bitmap.Auto, bitmap.InUse, Persistent: true, Busy: false, null);
}
