namespace MomentTools;

/// <summary>What going back to a snapshot did, or would do.</summary>
public sealed record VMSnapshotRestore
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The snapshot.</summary>
    public required string Snapshot { get; init; }

    /// <summary>The branch that the machine is on afterwards.</summary>
    public required string Branch { get; init; }

    /// <summary>The branch that stays with the state that was left; null: it is only kept aside, or given up.</summary>
    public string? LeftBranch { get; init; }

    /// <summary>What Undo-VMSnapshot -Id takes, or null: nothing is kept aside.</summary>
    public string? UndoId { get; init; }

    /// <summary>The snapshot that was taken of the state that was left, or null.</summary>
    public string? Taken { get; init; }

    /// <summary>Whether the machine goes on with the snapshot's memory.</summary>
    public bool Memory { get; init; }

    /// <summary>What the machine does afterwards; null where that follows from what it does when it happens.</summary>
    public VMState? State { get; init; }

    /// <summary>The snapshots and branches that are lost by it.</summary>
    public IReadOnlyList<string> Discarded { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Each disk of the machine.</summary>
    public IReadOnlyList<VMSnapshotRestoreDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <inheritdoc/>
    public override string ToString() => Snapshot;
}
