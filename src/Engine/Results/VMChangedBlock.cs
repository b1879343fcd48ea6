using MomentTools.Errors;

namespace MomentTools;

/// <summary>A run of bytes of a disk that was written between two points in time.</summary>
public sealed record VMChangedBlock
{
    internal const string Data = "Data";
    internal const string Zero = "Zero";
    internal const string Written = "Written";

    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>Where the run begins, in bytes.</summary>
    public required long Offset { get; init; }

    /// <summary>How long the run is, in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>
    /// "Data", or "Zero" where the disk now (or at the instant whose content can be read) reads as zeroes there and stores nothing; "Written"
    /// between two moments of the past, whose content nobody looked at.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>Whether <see cref="OpenRead"/> gives the bytes: they were asked for.</summary>
    public bool CanRead => Content is not null;

    /// <summary>The content that the run is a part of, or null: it was not asked for.</summary>
    internal IBlockContent? Content { get; init; }

    /// <summary>What is in one of two lists or in both, each disk for itself.</summary>
    /// <param name="left">One list, in any order; null is an empty one.</param>
    /// <param name="right">The other.</param>
    /// <exception cref="MomentException">BlocksOfSeveralMachines.</exception>
    public static VMChangedBlock[] Union(VMChangedBlock[]? left, VMChangedBlock[]? right) => ChangedBlockSets.Combine(left, right, onlyLeft: true, both: true, onlyRight: true);

    /// <summary>What is in both of two lists, each disk for itself.</summary>
    /// <inheritdoc cref="Union"/>
    public static VMChangedBlock[] Intersect(VMChangedBlock[]? left, VMChangedBlock[]? right) => ChangedBlockSets.Combine(left, right, onlyLeft: false, both: true, onlyRight: false);

    /// <summary>What is in the first of two lists and not in the second, each disk for itself.</summary>
    /// <inheritdoc cref="Union"/>
    public static VMChangedBlock[] Subtract(VMChangedBlock[]? left, VMChangedBlock[]? right) => ChangedBlockSets.Combine(left, right, onlyLeft: true, both: false, onlyRight: false);

    /// <summary>
    /// The run's bytes, as a stream that begins at the run's beginning and ends at its end; to be disposed. Of zeroes nothing is read. Where
    /// the content is not what it was any more, opening or reading fails.
    /// </summary>
    /// <exception cref="MomentException">BlockWithoutContent: it was not asked for.</exception>
    public Stream OpenRead() => (Content ?? throw ChangedBlockErrors.WithoutContent(this)).OpenRead(Offset, Length, Kind == Zero);

    /// <summary>Whether it is the same run of the same kind, wherever its bytes would be read.</summary>
    public bool Equals(VMChangedBlock? other) =>
        other is not null && VM == other.VM && Disk == other.Disk && Offset == other.Offset && Length == other.Length && Kind == other.Kind;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(VM, Disk, Offset, Length, Kind);

    /// <inheritdoc/>
    public override string ToString() => $"{Disk} {Offset}+{Length} {Kind}";
}
