namespace MomentTools.Moments;

/// <summary>The domain's branches, and what is kept aside for Undo.</summary>
internal sealed partial record DomainMoments
{
    private static readonly IReadOnlyDictionary<string, Branch> FirstBranch =
        new Dictionary<string, Branch>(StringComparer.Ordinal) { [DiskTracking.MainBranch] = new(DiskTracking.MainBranch) };

    /// <summary>The branches by name, the active one always among them; a domain that never had another has "main".</summary>
    public IReadOnlyDictionary<string, Branch> Branches { get; init; } = FirstBranch;

    /// <summary>The branch that the machine works on. A disk that has no tip there is on the one that its tracking says.</summary>
    public string ActiveBranch { get; init; } = DiskTracking.MainBranch;

    /// <summary>What was discarded and can still be brought back, the oldest first.</summary>
    public IReadOnlyList<KeptAside> Kept { get; init; } = [];

    /// <summary>
    /// The names of the branches and the ids of what is kept whose files could not be read, or contradict another one. What only they need is
    /// not known: nothing may be collected while there are any.
    /// </summary>
    public IReadOnlySet<string> BrokenBranches { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>The names of all branches: also of those that a disk has a tip of and nothing else is known of.</summary>
    public IEnumerable<string> BranchNames => Branches.Keys.Concat(Disks.Values.SelectMany(disk => disk.Tips.Keys)).Distinct(StringComparer.Ordinal);

    public DomainMoments With(Branch branch) =>
        this with { Branches = new Dictionary<string, Branch>(Branches, StringComparer.Ordinal) { [branch.Name] = branch } };

    /// <summary>The same without a branch and its tips; their layers stay known until they are collected.</summary>
    public DomainMoments WithoutBranch(string name)
    {
        if (name == ActiveBranch || Disks.Values.Any(disk => disk.ActiveBranch == name && disk.ActiveTip is not null))
            throw new InvalidOperationException($"Branch '{name}' is what the machine works on.");
        DomainMoments next = this with { Branches = Branches.Where(branch => branch.Key != name).ToDictionary(StringComparer.Ordinal) };
        return Disks.Values.Where(disk => disk.Tips.ContainsKey(name)).Aggregate(next, (state, disk) => state.With(disk.DropTip(name)));
    }

    /// <summary>The same with a branch and its tips under another name; where it is the active one, it stays so.</summary>
    public DomainMoments RenameBranch(string from, string to)
    {
        var branches = Branches.Where(branch => branch.Key != from).ToDictionary(StringComparer.Ordinal);
        branches.Add(to, (Branches.GetValueOrDefault(from) ?? new Branch(from)) with { Name = to });
        return this with
        {
            Branches = branches,
            ActiveBranch = ActiveBranch == from ? to : ActiveBranch,
            Disks = Disks.ToDictionary(disk => disk.Key, disk => disk.Value.RenameTip(from, to), StringComparer.Ordinal),
        };
    }

    /// <summary>The same with another branch as the active one: of each disk that has a tip there, or none at all; the others stay where they are.</summary>
    public DomainMoments Activate(string branch) => this with
    {
        ActiveBranch = branch,
        Branches = Branches.ContainsKey(branch) ? Branches : With(new Branch(branch)).Branches,
        Disks = Disks.ToDictionary(
            disk => disk.Key, disk => disk.Value.ActiveBranch != branch && (disk.Value.Tips.Count == 0 || disk.Value.Tips.ContainsKey(branch)) ? disk.Value.Activate(branch) : disk.Value, StringComparer.Ordinal),
    };

    public DomainMoments With(KeptAside kept) => this with { Kept = [.. Kept.Where(other => other.Id != kept.Id), kept] };

    public DomainMoments WithoutKept(string id) => this with { Kept = [.. Kept.Where(kept => kept.Id != id)] };

    /// <summary>
    /// Removes moments in such a way that <see cref="Recall"/> brings them back: their points stay, nameless, and the record says what else
    /// was changed.
    /// </summary>
    /// <param name="keys">The moments.</param>
    /// <param name="kept">The record, with the moments' files (<see cref="MomentStore.FilesOf"/>).</param>
    public DomainMoments Forget(IReadOnlyCollection<MomentKey> keys, KeptAside kept)
    {
        HashSet<MomentKey> gone = [.. keys];
        var parents = Moments.Values.Where(moment => !gone.Contains(moment.Key) && moment.Parent is { } parent && gone.Contains(parent)).ToDictionary(moment => moment.Key, moment => moment.Parent!);
        var starts = Branches.Values.Where(branch => branch.Start is { } start && gone.Contains(start)).ToDictionary(branch => branch.Name, branch => branch.Start!, StringComparer.Ordinal);
        DomainMoments next = Without(gone);
        foreach (MomentKey child in parents.Keys)
            next = next.With(next.Moments[child].Under(Staying(Moments[child].Parent, gone)));
        next = Disks.Values.Aggregate(next, (state, disk) => state.With(disk.Forget(gone)));
        return next.With(kept with { Parents = parents, Starts = starts });
    }

    /// <summary>
    /// Brings moments back that were kept aside. A point that is no longer there leaves its moment without one; what has another parent or
    /// start since keeps that. The hidden branch stays: what becomes of it is the caller's.
    /// </summary>
    /// <exception cref="Errors.MomentException">A kept file cannot be read.</exception>
    public DomainMoments Recall(KeptAside kept)
    {
        DomainMoments next = WithoutKept(kept.Id);
        HashSet<MomentKey> back = [];
        foreach ((string path, string content) in kept.Files)
        {
            MomentFileContent file = MomentFile.Parse(path, content);
            next = next.With(file.Moment);
            back.Add(file.Moment.Key);
            foreach ((string disk, TrackingPoint point) in file.Points)
                if (next.Disks.GetValueOrDefault(disk) is { } tracking && tracking.Points.GetValueOrDefault(point.Id) is { Kept: true })
                    next = next.With(tracking.Recall(point.Id, file.Moment.Key));
        }

        foreach ((MomentKey child, MomentKey parent) in kept.Parents)
            if (next.Moments.GetValueOrDefault(child) is { } moment && back.Contains(parent) && moment.Parent == next.Staying(parent, back))
                next = next.With(moment.Under(parent));
        foreach ((string name, MomentKey start) in kept.Starts)
            if (next.Branches.GetValueOrDefault(name) is { } branch && back.Contains(start) && branch.Start == next.Staying(start, back))
                next = next.With(branch with { Start = start });
        return next;
    }

    // Who has one branch only needs no name for it. What a restore left is for Undo alone.
    private IEnumerable<MomentTreeTip> TreeTips()
    {
        bool hasSeveral = BranchNames.Any(name => name != ActiveBranch && !Branch.IsHiddenName(name));
        if (!hasSeveral)
            yield break;
        foreach (DiskTracking disk in Disks.Values.Where(disk => Present?.Contains(disk.Disk) != false))
            foreach ((string name, TrackingTip tip) in disk.Tips)
            {
                bool isNow = name == disk.ActiveBranch;
                if ((isNow || !Branch.IsHiddenName(name)) && ((isNow ? Current : null) ?? Branches.GetValueOrDefault(name)?.Current ?? disk.NearestMoment(tip.PointId)) is { } moment)
                    yield return new MomentTreeTip(name, disk.Disk, moment, isNow);
            }
    }

    // The nearest moment at or above one that is not among those that go. The parents come from files: they may lead in a circle.
    private MomentKey? Staying(MomentKey? from, HashSet<MomentKey> gone)
    {
        HashSet<MomentKey> passed = [];
        MomentKey? at = from;
        while (at is { } key && gone.Contains(key) && passed.Add(key))
            at = Moments.GetValueOrDefault(key)?.Parent;
        return at is { } last && gone.Contains(last) ? null : at;
    }
}
