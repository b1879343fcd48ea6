namespace MomentTools;

/// <summary>What Repair-VMMoment does, or would do, about one finding.</summary>
public sealed record VMMomentRepair
{
    /// <summary>The finding.</summary>
    public required VMMomentFinding Finding { get; init; }

    /// <summary>What is done about it: whole sentences.</summary>
    public required string Action { get; init; }

    /// <summary>Whether it is left as it is, because only a person can decide.</summary>
    public bool Left { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Action;
}
