namespace MomentTools.Moments;

/// <summary>A named point in time of a domain, of either kind: what its metadata says. Equal by value, its disks included.</summary>
internal sealed record Moment
{
    private MomentKey? _key;

    public required MomentKind Kind { get; init; }

    public required string Name { get; init; }

    /// <summary>The key under which it is found: unique in its domain.</summary>
    public MomentKey Key => _key is { } key && key.Kind == Kind && ReferenceEquals(key.Name, Name) ? key : _key = new MomentKey(Kind, Name);

    /// <summary>Short text of ours that is unique in the domain and, unlike the name, never used again.</summary>
    public required string Id { get; init; }

    public string? Description { get; init; }

    /// <summary>The moment that this one was taken after, or null for a root: the newest of its disks' parents.</summary>
    public MomentKey? Parent { get; init; }

    /// <summary>The parent's name without its kind, as libvirt's <c>&lt;parent&gt;</c> has it.</summary>
    public string? ParentName => Parent?.Name;

    public required DateTimeOffset Created { get; init; }

    public IReadOnlyList<MomentDisk> Disks { get; init; } = [];

    /// <summary>What the machine did; null for a checkpoint, and for a snapshot of which only the image knows.</summary>
    public SnapshotState? State { get; init; }

    /// <summary>Where the content lies; null for a checkpoint.</summary>
    public SnapshotLocation? Location { get; init; }

    /// <summary>False for what was only found in the images: an internal snapshot or a bitmap that no metadata names.</summary>
    public bool HasMetadata { get; init; } = true;

    public bool Equals(Moment? other) =>
        other is not null
        && Kind == other.Kind
        && Name == other.Name
        && Id == other.Id
        && Description == other.Description
        && Parent == other.Parent
        && Created == other.Created
        && State == other.State
        && Location == other.Location
        && HasMetadata == other.HasMetadata
        && Disks.SequenceEqual(other.Disks);

    public override int GetHashCode() => HashCode.Combine(Kind, Name, Id, Created);
}
