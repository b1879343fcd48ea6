namespace MomentTools;

/// <summary>A temporary, read-only view of the disks at one instant, while the machine writes on.</summary>
public sealed record VMBlockSnapshot
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The block snapshot's name.</summary>
    public required string Name { get; init; }

    /// <summary>The instant whose content it shows.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Whether it can be read: as the worst of its disks.</summary>
    public VMServiceState State { get; init; }

    /// <summary>Why it cannot be read, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>The checkpoint that was taken at exactly its instant, or null.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>With whose end it ends.</summary>
    public VMServiceOwner Owner { get; init; }

    /// <summary>When it ends by itself, or null.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>The disks that it shows.</summary>
    public IReadOnlyList<VMBlockSnapshotDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <inheritdoc/>
    public override string ToString() => Name;
}
