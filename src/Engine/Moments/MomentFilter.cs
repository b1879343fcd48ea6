namespace MomentTools.Moments;

/// <summary>
/// Which moments are asked for, in libvirt's sense (flags of virDomainListAllSnapshots and virDomainListAllCheckpoints):
/// conditions of one group are alternatives, all groups must hold, a group without a condition asks nothing.
/// </summary>
internal sealed record MomentFilter
{
    /// <summary>Names, "KIND:NAME" or wildcards; empty means all.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The only kind that is seen: parents, leaves and current are then those of the tree projected on it.</summary>
    public MomentKind? Kind { get; init; }

    public bool Roots { get; init; }

    public bool Leaves { get; init; }

    public bool NoLeaves { get; init; }

    /// <summary>Current for one disk at least.</summary>
    public bool Current { get; init; }

    public bool NoCurrent { get; init; }

    public bool Metadata { get; init; }

    public bool NoMetadata { get; init; }

    /// <summary>Only the children of this moment; of either kind, also where only the other one is seen.</summary>
    public MomentKey? From { get; init; }

    /// <summary>With <see cref="From"/>: all below it.</summary>
    public bool Descendants { get; init; }

    /// <summary>In tree order instead of by time and name.</summary>
    public bool Topological { get; init; }

    /// <summary>Snapshots of a running or paused machine, with its state (libvirt's <c>--active</c>).</summary>
    public bool Online { get; init; }

    /// <summary>Snapshots of a machine that was shut off (libvirt's <c>--inactive</c>).</summary>
    public bool Offline { get; init; }

    public bool DiskOnly { get; init; }

    public bool Internal { get; init; }

    public bool External { get; init; }

    private bool AsksForSnapshots => Online || Offline || DiskOnly || Internal || External;

    /// <summary>The moments that pass, as records of the projected tree where one kind is seen.</summary>
    public IReadOnlyList<Moment> Apply(MomentTree tree)
    {
        if (Roots && From is { } below)
            throw MomentErrors.RootsWithFrom(below);
        if (Descendants && From is null)
            throw MomentErrors.DescendantsWithoutFrom();
        if (From is { } missing && tree.Find(missing) is null)
            throw MomentErrors.NotFound(missing.ToString(), tree);
        if (Kind == MomentKind.Checkpoint && AsksForSnapshots)
            return [];

        MomentKind? seen = AsksForSnapshots ? MomentKind.Snapshot : Kind;
        MomentTree view = seen is { } kind ? tree.Project(kind) : tree;
        HashSet<MomentKey>? scope = From is { } from ? Below(tree, tree.Find(from)!, seen) : null;
        var names = Names.Select(name => new MomentNamePattern(name)).ToList();

        IEnumerable<Moment> found = view.All.Where(moment =>
            (scope is null || scope.Contains(moment.Key))
            && (names.Count == 0 || names.Exists(name => name.IsMatch(moment)))
            && Passes(view, moment));
        return Topological ? [.. found] : [.. found.Order(MomentOrder.Instance)];
    }

    private bool Passes(MomentTree view, Moment moment) =>
        (!Roots || view.Parent(moment) is null)
        && Any((Leaves, !view.HasChildren(moment)), (NoLeaves, view.HasChildren(moment)))
        && Any((Current, view.IsCurrent(moment)), (NoCurrent, !view.IsCurrent(moment)))
        && Any((Metadata, moment.HasMetadata), (NoMetadata, !moment.HasMetadata))
        && Any(
            (Online, moment.State is SnapshotState.Running or SnapshotState.Paused),
            (Offline, moment.State is SnapshotState.Shutoff),
            (DiskOnly, moment.State is SnapshotState.DiskSnapshot))
        && Any((Internal, moment.Location is SnapshotLocation.Internal), (External, moment.Location is SnapshotLocation.External));

    private static bool Any(params ReadOnlySpan<(bool Asked, bool Holds)> group)
    {
        bool asked = false;
        foreach ((bool isAsked, bool holds) in group)
        {
            if (isAsked && holds)
                return true;
            asked |= isAsked;
        }

        return !asked;
    }

    // In the whole tree, because the moment to start at may be of the kind that is not seen.
    private HashSet<MomentKey> Below(MomentTree tree, Moment from, MomentKind? seen)
    {
        var below = new HashSet<MomentKey>();
        int size = tree.Descendants(from).Count;
        int first = tree.PositionOf(from) + 1;
        for (int position = first; position < first + size;)
        {
            Moment moment = tree.All[position];
            bool isSeen = seen is null || moment.Kind == seen;
            if (isSeen)
                below.Add(moment.Key);
            // Children only: what lies below one that is seen is passed over in one step.
            position += isSeen && !Descendants ? tree.Descendants(moment).Count + 1 : 1;
        }

        return below;
    }
}
