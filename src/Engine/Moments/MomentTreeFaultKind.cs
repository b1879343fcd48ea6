namespace MomentTools.Moments;

/// <summary>What can be wrong with a set of moments as a tree.</summary>
internal enum MomentTreeFaultKind
{
    /// <summary>Two moments have the same kind and name; the first is kept.</summary>
    Duplicate,

    /// <summary>The recorded parent is not there; the moment becomes a root.</summary>
    ParentMissing,

    /// <summary>The parents form a circle; its oldest member becomes a root.</summary>
    Cycle,

    /// <summary>A disk's current moment is not there; the disk is left without one.</summary>
    CurrentMissing,
}
