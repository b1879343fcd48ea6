namespace MomentTools.Operations;

/// <summary>In which way an image beneath a disk is not the recorded one.</summary>
internal enum LayerDriftKind
{
    /// <summary>It, or the active image, stands on another image: the disk is another one.</summary>
    Rebased,

    /// <summary>It was written, or another file lies in its place.</summary>
    Written,

    /// <summary>It cannot be looked at, so nothing is proven of it.</summary>
    Unseen,
}
