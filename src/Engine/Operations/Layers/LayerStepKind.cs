namespace MomentTools.Operations.Layers;

/// <summary>What can be done about a layer that is not needed.</summary>
internal enum LayerStepKind
{
    /// <summary>Nothing stands on it, and MomentTools made it: its file goes.</summary>
    Unlink,

    /// <summary>Nothing stands on it, and somebody else made it: it is not known any more, and its file stays.</summary>
    Forget,

    /// <summary>The only layer on top of it is merged into it.</summary>
    Commit,

    /// <summary>A layer on top of it takes over what it reads from it.</summary>
    Pull,

    /// <summary>It stays.</summary>
    Keep,
}
