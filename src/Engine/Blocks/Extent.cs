namespace MomentTools.Blocks;

/// <summary>A run of bytes of a disk: from <see cref="Offset"/>, <see cref="Length"/> bytes long.</summary>
internal readonly record struct Extent(long Offset, long Length)
{
    /// <summary>The first byte behind the run.</summary>
    public long End => Offset + Length;
}
