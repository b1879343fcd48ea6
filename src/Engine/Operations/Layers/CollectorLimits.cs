namespace MomentTools.Operations.Layers;

/// <summary>How far the collector goes.</summary>
internal sealed record CollectorLimits
{
    /// <summary>Whether layers are merged, which takes as long as it takes to copy them; else only files that nothing stands on go.</summary>
    public bool Merge { get; init; }

    /// <summary>Whether a layer with several others on top is copied into each of them.</summary>
    public bool Pull { get; init; }

    /// <summary>Whether the owner of an attached machine knows that it may run on another image afterwards; else its layers are not merged.</summary>
    public bool AcceptOwner { get; init; }

    /// <summary>Whether what is kept aside for Undo goes before its time is over.</summary>
    public bool LetGo { get; init; }
}
