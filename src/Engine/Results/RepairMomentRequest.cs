namespace MomentTools;

/// <summary>What Repair-VMMoment is asked to repair.</summary>
public sealed record RepairMomentRequest
{
    /// <summary>The findings; empty means all that are found. One that is not found again when the repair begins is left out.</summary>
    public IReadOnlyList<VMMomentFinding> Findings { get; init; } = [];

    /// <summary>The disks whose images are looked at and repaired; empty means all.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>Also remove bitmaps that somebody else made.</summary>
    public bool RemoveForeign { get; init; }
}
