namespace MomentTools.Blocks;

/// <summary>What a run of a disk holds.</summary>
internal enum BlockKind
{
    /// <summary>Stored bytes.</summary>
    Data,

    /// <summary>Reads as zeroes, and is stored as such in this layer.</summary>
    Zero,

    /// <summary>Not stored in any layer that was asked: reads as zeroes where there is nothing beneath.</summary>
    Unallocated,
}
