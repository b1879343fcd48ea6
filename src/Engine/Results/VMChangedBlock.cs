namespace MomentTools;

/// <summary>A run of bytes of a disk that was written between two points in time.</summary>
public sealed record VMChangedBlock
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>Where the run begins, in bytes.</summary>
    public required long Offset { get; init; }

    /// <summary>How long the run is, in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>
    /// "Data", or "Zero" where the disk now reads as zeroes there and stores nothing; "Written" between two moments of the past, whose
    /// content nobody can look at any more.
    /// </summary>
    public required string Kind { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Disk} {Offset}+{Length} {Kind}";
}
