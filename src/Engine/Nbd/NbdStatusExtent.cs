namespace MomentTools.Nbd;

/// <summary>A run of an export's bytes and its flags in one metadata context (NBD_REPLY_TYPE_BLOCK_STATUS).</summary>
internal readonly record struct NbdStatusExtent(long Offset, long Length, uint Flags)
{
    /// <summary>The first byte behind the run.</summary>
    public long End => Offset + Length;
}
