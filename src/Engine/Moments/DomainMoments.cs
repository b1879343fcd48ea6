namespace MomentTools.Moments;

/// <summary>All that is known of a domain's moments: an immutable value that operations turn into the next one.</summary>
internal sealed record DomainMoments
{
    public static DomainMoments Empty { get; } = new();

    public IReadOnlyDictionary<MomentKey, StoredMoment> Moments { get; init; } = new Dictionary<MomentKey, StoredMoment>();

    /// <summary>The tree of each disk that was ever tracked, by the disk's name.</summary>
    public IReadOnlyDictionary<string, DiskTracking> Disks { get; init; } = new Dictionary<string, DiskTracking>(StringComparer.Ordinal);

    public DiskTracking Disk(string name) => Disks.GetValueOrDefault(name) ?? new DiskTracking { Disk = name };

    public DomainMoments With(StoredMoment moment) =>
        this with { Moments = new Dictionary<MomentKey, StoredMoment>(Moments) { [moment.Key] = moment } };

    public DomainMoments With(DiskTracking disk) =>
        this with { Disks = new Dictionary<string, DiskTracking>(Disks, StringComparer.Ordinal) { [disk.Disk] = disk } };

    public DomainMoments Without(IEnumerable<MomentKey> keys)
    {
        var moments = new Dictionary<MomentKey, StoredMoment>(Moments);
        foreach (MomentKey key in keys)
            moments.Remove(key);
        return this with { Moments = moments };
    }

    /// <summary>The domain-level tree.</summary>
    /// <param name="faults">What does not fit together.</param>
    /// <param name="others">Moments that are known from the images alone.</param>
    public MomentTree Tree(out IReadOnlyList<MomentTreeFault> faults, IReadOnlyList<Moment>? others = null)
    {
        var points = Disks.Values.SelectMany(disk => disk.Points.Values.Where(point => point.Moment is not null).Select(point => (disk.Disk, Point: point)))
            .ToLookup(pair => pair.Point.Moment!.Value);
        var current = Disks.Values.Where(disk => disk.Current is not null).ToDictionary(disk => disk.Disk, disk => disk.Current!.Value, StringComparer.Ordinal);
        IEnumerable<Moment> known = Moments.Values.Select(stored => new Moment
        {
            Kind = stored.Key.Kind,
            Name = stored.Key.Name,
            Id = stored.Id,
            Description = stored.Document.Description,
            Parent = stored.Parent,
            Created = stored.Created,
            Disks = [.. stored.Document.DiskNames.Select(disk => points[stored.Key].Where(pair => pair.Disk == disk)
                .Select(pair => new MomentDisk(disk, true, pair.Point.Id, pair.Point.ParentId, pair.Point.Size))
                .FirstOrDefault(new MomentDisk(disk, false, null, null, 0)))],
        });
        return MomentTree.Build(known.Concat((others ?? []).Where(other => !Moments.ContainsKey(other.Key))), current, out faults);
    }
}
