namespace MomentTools;

/// <summary>A moment to compare with: from here on the changed blocks are recorded.</summary>
public sealed record VMCheckpoint : VMMoment
{
    /// <inheritdoc/>
    public override string Kind => "Checkpoint";

    /// <summary>The id of the group that it was made with, on several machines at once, or null. <see cref="VMMoment.Created"/> of each tells how far apart they lie.</summary>
    public string? Group { get; init; }
}
