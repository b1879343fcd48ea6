namespace MomentTools.Qcow2;

/// <summary>A bitmap as the image's bitmap directory lists it (specification: "Bitmap directory").</summary>
/// <param name="Name">The bitmap's name.</param>
/// <param name="GranularityBits">One bit stands for 2^GranularityBits bytes of the disk: 9 to 31.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="TableOffset">Where its table lies.</param>
/// <param name="TableSize">The number of entries of its table.</param>
/// <param name="ExtraDataSize">The number of bytes of extra data, which no program defines yet.</param>
/// <param name="EntryOffset">Where its directory entry lies.</param>
internal sealed record Qcow2Bitmap(
    string Name,
    int GranularityBits,
    Qcow2BitmapFlags Flags,
    HostOffset TableOffset,
    int TableSize,
    int ExtraDataSize,
    HostOffset EntryOffset)
{
    /// <summary>How many bytes of the disk one bit stands for.</summary>
    public long Granularity => 1L << GranularityBits;

    public bool InUse => Flags.HasFlag(Qcow2BitmapFlags.InUse);

    /// <summary>Whether it records from the moment the image is opened.</summary>
    public bool Auto => Flags.HasFlag(Qcow2BitmapFlags.Auto);

    public bool ExtraDataCompatible => Flags.HasFlag(Qcow2BitmapFlags.ExtraDataCompatible);
}
