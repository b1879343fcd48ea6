namespace MomentTools.Blocks;

/// <summary>A run of bytes of a disk and what it holds.</summary>
internal readonly record struct BlockStatus(long Offset, long Length, BlockKind Kind)
{
    /// <summary>The first byte behind the run.</summary>
    public long End => Offset + Length;
}
