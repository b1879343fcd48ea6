using MomentTools.Moments;

namespace MomentTools.Operations.Foreign;

/// <summary>A bitmap of another program that is to become the record of a moment.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Bitmap">The bitmap's name; it records on the active layer.</param>
/// <param name="Moment">The moment that it has recorded since.</param>
internal sealed record AdoptedBitmap(string Disk, string Bitmap, MomentKey Moment);
