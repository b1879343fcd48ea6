namespace MomentTools;

/// <summary>A moment to compare with: from here on the changed blocks are recorded.</summary>
public sealed record VMCheckpoint : VMMoment
{
    /// <inheritdoc/>
    public override string Kind => "Checkpoint";
}
