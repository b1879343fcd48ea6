namespace MomentTools.Moments;

/// <summary>
/// What an image file was when it was recorded, so that changes made behind our back are seen. Never replaced by what is seen later,
/// but by our own operations that change the layer, and by Repair-VMMoment.
/// </summary>
/// <param name="Format">qcow2 or raw.</param>
/// <param name="Device">The file system it lay on.</param>
/// <param name="Inode">The file in it.</param>
/// <param name="BackingFile">The backing file's name as it stood in the image, or null.</param>
/// <param name="BackingFormat">Its format as it stood there, or null.</param>
/// <param name="Length">A frozen layer's length in bytes; null for the one that is written to.</param>
/// <param name="Modified">When a frozen layer was written last, in nanoseconds since 1970; null for the one that is written to.</param>
internal sealed record LayerFacts(string Format, ulong Device, ulong Inode, string? BackingFile, string? BackingFormat, long? Length, long? Modified);
