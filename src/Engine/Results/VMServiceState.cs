namespace MomentTools;

/// <summary>Whether a block snapshot or a block export can be read.</summary>
public enum VMServiceState
{
    /// <summary>It can be read.</summary>
    Ready,

    /// <summary>It exists, but cannot be read any more: its scratch file was full, or what served it ended.</summary>
    Broken,

    /// <summary>Its time has run out, or the session that it belongs to has ended; the next command that changes something clears it.</summary>
    Expired,

    /// <summary>The machine or the process that had it has ended; the next command that changes something clears what is left.</summary>
    Gone,
}
