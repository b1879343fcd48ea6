namespace MomentTools;

/// <summary>What the removal of a branch would take away.</summary>
public sealed record VMBranchRemoval
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The branch's name.</summary>
    public required string Name { get; init; }

    /// <summary>The files that only this branch needs: images, and the memory of its tip.</summary>
    public IReadOnlyList<string> Files { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Their bytes.</summary>
    public long Bytes { get; init; }

    /// <summary>The snapshots whose content no other branch has, and that go with it.</summary>
    public IReadOnlyList<string> Snapshots { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The checkpoints that could then no longer be compared with now; they stay, and what was recorded stays with them.</summary>
    public IReadOnlyList<string> Checkpoints { get; init => field = Indexed.Of(value); } = [];
}
