namespace MomentTools;

/// <summary>Whether what changes on a disk is known.</summary>
public enum VMDiskTracking
{
    /// <summary>It could not be looked at.</summary>
    Unknown,

    /// <summary>It cannot be: the disk has no place for bitmaps, or may not be written.</summary>
    Impossible,

    /// <summary>It can be, and no checkpoint covers the disk yet: the next one begins.</summary>
    Ready,

    /// <summary>It is recorded: the next backup can be an increment.</summary>
    Recorded,

    /// <summary>It was, and the record is broken: the next checkpoint begins anew.</summary>
    Lost,
}
