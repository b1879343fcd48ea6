using MomentTools.Errors;

namespace MomentTools;

/// <summary>What a moment has of one disk.</summary>
public sealed record VMMomentDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>The dirty bitmap that was opened at the moment, or null where the moment does not cover the disk.</summary>
    public string? Bitmap { get; init; }

    /// <summary>Bytes written since the moment, rounded out to the granularity; only where it was asked for (-Size) and is known.</summary>
    public long? Size { get; init; }

    /// <summary>The bitmap's granularity in bytes.</summary>
    public long? Granularity { get; init; }

    /// <summary>What became of the bitmap.</summary>
    public VMBitmapState State { get; init; }

    /// <summary>The moment before this one on this disk, or null.</summary>
    public string? Parent { get; init; }

    /// <summary>What is wrong, in few words, or null.</summary>
    public string? Problem { get; init => field = MomentException.Printable(value); }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({State})";
}
