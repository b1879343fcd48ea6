namespace MomentTools.Qcow2;

/// <summary>
/// What the first cluster of an image says (specification: "Header", "Header extensions"). Every number in it has been
/// checked against the format's rules; those that point into the file are checked against the file when they are followed.
/// </summary>
internal sealed record Qcow2Header
{
    /// <summary>2 or 3.</summary>
    public required int Version { get; init; }

    /// <summary>A cluster has 2^ClusterBits bytes: 9 (512 bytes) to 21 (2 MiB).</summary>
    public required int ClusterBits { get; init; }

    /// <summary>The virtual size in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The backing file's name as it stands in the image, or null.</summary>
    public string? BackingFile { get; init; }

    /// <summary>The backing file's format as the image names it, or null.</summary>
    public string? BackingFormat { get; init; }

    public Qcow2IncompatibleFeatures IncompatibleFeatures { get; init; }

    public ulong CompatibleFeatures { get; init; }

    public ulong AutoclearFeatures { get; init; }

    /// <summary>A reference count has 2^RefcountOrder bits.</summary>
    public required int RefcountOrder { get; init; }

    public CompressionType CompressionType { get; init; }

    /// <summary>0 for none, 1 for AES, 2 for LUKS.</summary>
    public int EncryptionMethod { get; init; }

    /// <summary>The number of entries of the active L1 table.</summary>
    public required int L1Size { get; init; }

    public required HostOffset L1TableOffset { get; init; }

    public int SnapshotCount { get; init; }

    public HostOffset SnapshotsOffset { get; init; }

    /// <summary>The name of the external data file as it stands in the image, or null.</summary>
    public string? DataFile { get; init; }

    /// <summary>All extensions, known or not, in the order of the file.</summary>
    public required IReadOnlyList<Qcow2HeaderExtension> Extensions { get; init; }

    public int ClusterSize => 1 << ClusterBits;

    public bool IsEncrypted => EncryptionMethod != 0;

    public bool IsDirty => IncompatibleFeatures.HasFlag(Qcow2IncompatibleFeatures.Dirty);

    public bool IsCorrupt => IncompatibleFeatures.HasFlag(Qcow2IncompatibleFeatures.Corrupt);

    public bool HasDataFile => IncompatibleFeatures.HasFlag(Qcow2IncompatibleFeatures.ExternalDataFile);

    public bool HasExtendedL2 => IncompatibleFeatures.HasFlag(Qcow2IncompatibleFeatures.ExtendedL2);

    public bool HasLazyRefcounts => (CompatibleFeatures & 1) != 0;

    /// <summary>Whether the stored bitmaps are true to the disk: autoclear bit 0, which every program that knows no bitmaps clears.</summary>
    public bool BitmapsValid => (AutoclearFeatures & 1) != 0;

    /// <summary>Whether the external data file is a raw image by itself: autoclear bit 1.</summary>
    public bool DataFileIsRaw => (AutoclearFeatures & 2) != 0;

    public Qcow2HeaderExtension? Extension(uint type) => Extensions.FirstOrDefault(extension => extension.Type == type);
}
