namespace MomentTools;

/// <summary>What a dirty bitmap is doing.</summary>
public enum VMBitmapState
{
    /// <summary>It was not looked at, or the machine could not be asked.</summary>
    Unknown,

    /// <summary>The moment does not cover the disk.</summary>
    NotCovered,

    /// <summary>It records what is written now.</summary>
    Recording,

    /// <summary>It is complete: the blocks written between two moments.</summary>
    Closed,

    /// <summary>It was in use when QEMU died and cannot be trusted; a saved copy of a closed one serves in its place.</summary>
    Inconsistent,

    /// <summary>It is not in the image, and nothing can serve in its place.</summary>
    Missing,

    /// <summary>It is not in the image any more, but what it had recorded was saved when it was closed: nothing is lost.</summary>
    Saved,

    /// <summary>It is in the image, but no moment names it.</summary>
    Foreign,
}
