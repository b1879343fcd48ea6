namespace MomentTools;

/// <summary>What one point in the life of a disk is to another one; it is the disk's own life that counts, which a moment of other disks is no part of.</summary>
public enum VMMomentRelation
{
    /// <summary>It is the same point.</summary>
    Same,

    /// <summary>It lies before the other one: that one descends from it.</summary>
    Ancestor,

    /// <summary>It descends from the other one.</summary>
    Descendant,

    /// <summary>Both descend from a third one: they lie on different branches.</summary>
    Related,

    /// <summary>They have no past in common.</summary>
    Unrelated,

    /// <summary>One of them does not cover the disk.</summary>
    NotCovered,
}
