namespace MomentTools;

/// <summary>A line of life through the tree of moments, with a tip of its own: the state that it has after its last moment.</summary>
public sealed record VMBranch
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The branch's name.</summary>
    public required string Name { get; init; }

    /// <summary>The snapshot that it began at, or null: the machine's own beginning.</summary>
    public string? Start { get; init; }

    /// <summary>When it began, or null where that is not known.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Whether the machine is on it now.</summary>
    public bool Active { get; init; }

    /// <summary>The nearest moment under its tip, or null: none, or its disks do not agree.</summary>
    public string? Current { get; init; }

    /// <summary>In what state it waits.</summary>
    public VMBranchState State { get; init; }

    /// <summary>The file with the machine's memory at the tip, or null.</summary>
    public string? Memory { get; init; }

    /// <summary>The user's words about it.</summary>
    public string? Description { get; init; }

    /// <summary>The tip on each disk that the branch has one of.</summary>
    public IReadOnlyList<VMBranchDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <inheritdoc/>
    public override string ToString() => Name;
}
