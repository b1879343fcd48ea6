namespace MomentTools.Blocks;

/// <summary>How a disk is copied.</summary>
internal sealed record BlockCopyOptions
{
    public static BlockCopyOptions Default { get; } = new();

    /// <summary>Bytes of one request; a power of two. With <see cref="Requests"/> it bounds the memory.</summary>
    public int PieceLength { get; init; } = 512 << 10;

    /// <summary>Pieces under way at once.</summary>
    public int Requests { get; init; } = 16;

    /// <summary>Whether the target reads as zeroes everywhere already, so that zeroes need not be written.</summary>
    public bool TargetIsZero { get; init; }

    /// <summary>What is copied, in whole blocks of the target; null: everything. The rest of the target is not touched.</summary>
    public ExtentMap? Blocks { get; init; }

    /// <summary>
    /// Stored bytes are looked at in pieces of so many, a power of two, and a piece of zeroes is written as such: the target frees the room. 0:
    /// they are not looked at.
    /// </summary>
    public int ZeroGrain { get; init; }

    /// <summary>Whether the copy ends with a flush of the target.</summary>
    public bool Flush { get; init; } = true;
}
