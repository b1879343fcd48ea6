namespace MomentTools;

/// <summary>A dirty bitmap that really is in an image.</summary>
public sealed record VMBitmap
{
    /// <summary>The machine's name, or null where a file was asked.</summary>
    public string? VM { get; init; }

    /// <summary>The disk's name, or null where a file was asked.</summary>
    public string? Disk { get; init; }

    /// <summary>The image.</summary>
    public required string Path { get; init; }

    /// <summary>Whether the image lies below the active layer: nothing is written there, and no bitmap edited.</summary>
    public bool Frozen { get; init; }

    /// <summary>The bitmap's name.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes per bit.</summary>
    public required long Granularity { get; init; }

    /// <summary>Dirty bytes (bits times granularity), or null where the bitmap cannot be read.</summary>
    public long? Size { get; init; }

    /// <summary>What it is doing.</summary>
    public required VMBitmapState State { get; init; }

    /// <summary>Whether it survives the end of QEMU.</summary>
    public bool Persistent { get; init; } = true;

    /// <summary>The flags as the qcow2 specification names them (in_use, auto), or as QEMU does (busy, recording).</summary>
    public IReadOnlyList<string> Flags { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The moment it belongs to, "MomentTools" for one of ours without a moment, or null.</summary>
    public string? Owner { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
