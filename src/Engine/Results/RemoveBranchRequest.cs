namespace MomentTools;

/// <summary>A branch to be removed.</summary>
public sealed record RemoveBranchRequest
{
    /// <summary>The branch.</summary>
    public required string Name { get; init; }

    /// <summary>Also where snapshots are lost by it that no other branch has.</summary>
    public bool Discard { get; init; }

    /// <summary>How long it is kept aside for Undo-VMSnapshot; null for an hour, zero for not at all.</summary>
    public TimeSpan? UndoFor { get; init; }

    /// <summary>What was kept aside since then can still be undone afterwards: where several branches go with one command. Null: only the last can.</summary>
    public DateTimeOffset? KeepSince { get; init; }
}
