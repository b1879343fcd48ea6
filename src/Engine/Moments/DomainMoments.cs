using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>All that is known of a domain's moments: an immutable value that operations turn into the next one.</summary>
internal sealed partial record DomainMoments
{
    public static DomainMoments Empty { get; } = new();

    /// <summary>The domain's name, where it is known.</summary>
    public string? Domain { get; init; }

    public IReadOnlyDictionary<MomentKey, StoredMoment> Moments { get; init; } = new Dictionary<MomentKey, StoredMoment>();

    /// <summary>The tree of each disk that was ever tracked, by the disk's name.</summary>
    public IReadOnlyDictionary<string, DiskTracking> Disks { get; init; } = new Dictionary<string, DiskTracking>(StringComparer.Ordinal);

    /// <summary>
    /// The moment that the user, or a document, declared to be the one that the present state descends from; null: each disk's tracking
    /// says it. Lists show it, and the next moment gets it as its parent, which then has to clear it. It never touches the tracking:
    /// edges record themselves from which point to which they run.
    /// </summary>
    public MomentKey? Current
    {
        get => Branches.GetValueOrDefault(ActiveBranch)?.Current;
        init => Branches = With((Branches.GetValueOrDefault(ActiveBranch) ?? new Branch(ActiveBranch)) with { Current = value }).Branches;
    }

    /// <summary>The moments whose files are there, but could not be read: their names are not free.</summary>
    public IReadOnlySet<MomentKey> Broken { get; init; } = new HashSet<MomentKey>();

    /// <summary>The disks that the domain has now, or null for all: one that it no longer has keeps its history, but is current nowhere.</summary>
    public IReadOnlySet<string>? Present { get; init; }

    public DiskTracking Disk(string name) => Disks.GetValueOrDefault(name) ?? new DiskTracking { Disk = name, ActiveBranch = ActiveBranch };

    /// <summary>The same for a domain with these disks.</summary>
    public DomainMoments Of(IEnumerable<string> disks) => this with { Present = disks.ToHashSet(StringComparer.Ordinal) };

    public DomainMoments With(StoredMoment moment) =>
        this with { Moments = new Dictionary<MomentKey, StoredMoment>(Moments) { [moment.Key] = moment } };

    public DomainMoments With(DiskTracking disk) =>
        this with { Disks = new Dictionary<string, DiskTracking>(Disks, StringComparer.Ordinal) { [disk.Disk] = disk } };

    /// <summary>The same without some moments; where one of them was declared current, or a branch began at it, its nearest parent that stays is.</summary>
    public DomainMoments Without(IReadOnlyCollection<MomentKey> keys)
    {
        var moments = new Dictionary<MomentKey, StoredMoment>(Moments);
        HashSet<MomentKey> gone = [.. keys];
        foreach (MomentKey key in gone)
            moments.Remove(key);
        DomainMoments next = this with { Moments = moments };
        foreach (Branch branch in Branches.Values.Where(branch => IsGone(branch.Current) || IsGone(branch.Start)))
            next = next.With(branch with { Current = Staying(branch.Current, gone), Start = Staying(branch.Start, gone) });
        return next;

        bool IsGone(MomentKey? key) => key is not null && gone.Contains(key);
    }

    /// <summary>The domain-level tree.</summary>
    /// <param name="faults">What does not fit together.</param>
    /// <param name="others">Moments that are known from the images alone.</param>
    public MomentTree Tree(out IReadOnlyList<MomentTreeFault> faults, IReadOnlyList<Moment>? others = null)
    {
        Dictionary<string, Dictionary<MomentKey, TrackingPoint>> points = new(StringComparer.Ordinal);
        foreach (DiskTracking disk in Disks.Values)
        {
            Dictionary<MomentKey, TrackingPoint> own = points[disk.Disk] = [];
            foreach (TrackingPoint point in disk.Points.Values)
            {
                if (point.Moment is { } moment)
                    own.TryAdd(moment, point);
            }
        }

        var current = Disks.Values.Where(disk => disk.Current is not null && Present?.Contains(disk.Disk) != false).ToDictionary(disk => disk.Disk, disk => disk.Current!, StringComparer.Ordinal);
        IEnumerable<Moment> known = Moments.Values.Select(stored => new Moment
        {
            Kind = stored.Key.Kind,
            Name = stored.Key.Name,
            Id = stored.Id,
            Description = stored.Document.Description,
            Parent = stored.Parent,
            Created = stored.Created,
            State = (stored.Document as SnapshotDocument)?.MomentState(),
            Location = (stored.Document as SnapshotDocument)?.MomentLocation(),
            Disks = DisksOf(stored, points),
        });
        return MomentTree.Build(known.Concat((others ?? []).Where(other => !Moments.ContainsKey(other.Key) && !Broken.Contains(other.Key))), current, out faults, Current).With(Domain, TreeTips());
    }

    private static List<MomentDisk> DisksOf(StoredMoment stored, Dictionary<string, Dictionary<MomentKey, TrackingPoint>> points)
    {
        List<MomentDisk> disks = [];
        switch (stored.Document)
        {
            case CheckpointDocument checkpoint:
                foreach (CheckpointDisk disk in checkpoint.Disks)
                    Add(disk.Name, disk.Mode == CheckpointMode.Bitmap);
                break;
            case SnapshotDocument snapshot:
                foreach (SnapshotDisk disk in snapshot.Disks)
                    Add(disk.Name, disk.MeantMode is not SnapshotMode.No);
                break;
            default:
                foreach (string name in stored.Document.DiskNames)
                    Add(name, false);
                break;
        }

        return disks;

        void Add(string name, bool covered) => disks.Add(points.TryGetValue(name, out Dictionary<MomentKey, TrackingPoint>? own) && own.TryGetValue(stored.Key, out TrackingPoint? point)
            ? new MomentDisk(name, true, point.Id, point.ParentId, point.Size) : new MomentDisk(name, covered, null, null, 0));
    }
}
