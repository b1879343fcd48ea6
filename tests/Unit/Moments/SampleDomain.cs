using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Tests.Moments;

/// <summary>The moments of a domain as operations make them: random ones, and a plain line.</summary>
internal static class SampleDomain
{
    private static readonly string[] DiskNames = ["vda", "vdb"];

    /// <summary>Checkpoints in a row on both disks.</summary>
    public static DomainMoments Line(params string[] names) =>
        names.Aggregate(DomainMoments.Empty, (state, name) => Checkpoint(state, name, DiskNames, lost: false));

    /// <summary>Some checkpoints, each of some disks, with some of them removed and ghosts among what is left.</summary>
    public static DomainMoments Random(int seed)
    {
        var random = new Random(seed);
        DomainMoments state = DomainMoments.Empty;
        for (int number = random.Next(1, 12); number > 0; number--)
        {
            string[] disks = random.Next(3) == 0 ? [DiskNames[random.Next(2)]] : DiskNames;
            state = Checkpoint(state, $"c{number}{(random.Next(2) == 0 ? ".x-Y_" : "")}", disks, random.Next(4) == 0);
            if (random.Next(4) == 0)
                state = WithGhost(state, disks[0], number);
            if (random.Next(3) == 0)
                state = state.With(state.Disk(disks[0]).Pin(state.Disk(disks[0]).Points.Keys.ElementAt(random.Next(state.Disk(disks[0]).Points.Count))));
            if (random.Next(4) == 0)
                state = Remove(state, state.Moments.Keys.ElementAt(random.Next(state.Moments.Count)));
        }

        return state;
    }

    public static DomainMoments Checkpoint(DomainMoments state, string name, string[] disks, bool lost)
    {
        MomentKey key = Sample.Checkpoint(name);
        MomentKey? parent = state.Tree(out _).NewestCurrent(disks)?.Key;
        var document = new CheckpointDocument
        {
            Name = name,
            Description = name.Length % 2 == 0 ? $"before <{name}> & \"after\" " : null,
            ParentName = parent?.Name,
            CreationTime = Sample.Start.AddMinutes(state.Moments.Count).ToUnixTimeSeconds(),
            Disks = [.. DiskNames.Select(disk => disks.Contains(disk, StringComparer.Ordinal) ? new CheckpointDisk(disk, CheckpointMode.Bitmap, name) : new CheckpointDisk(disk, CheckpointMode.No, null))],
            DisksGiven = true,
        };
        state = state.With(new StoredMoment(key, "id" + name, document, parent, Sample.Start.AddMinutes(state.Moments.Count).AddTicks(7), lost ? "/backup" : null));
        foreach (string disk in disks)
        {
            DiskTracking tracking = state.Disk(disk);
            IReadOnlyList<SegmentSource> closed = tracking.ActiveTip is not { } tip ? []
                : lost ? [new SegmentSource.Lost("a <reason> & more")]
                : [.. tracking.Points[tip.PointId].Sources.Select(source => source is SegmentSource.Bitmap bitmap ? bitmap with { SidecarId = "side" + state.Moments.Count } : source), new SegmentSource.Sidecar("extra" + state.Moments.Count)];
            state = state.With(tracking.Checkpoint(key, new TrackingLayer("l" + disk, $"/images/{disk} & co.qcow2", null), 1 << 30, closed, name, $"p{name}{disk}", $"t{name}{disk}"));
        }

        return state;
    }

    public static DomainMoments Remove(DomainMoments state, MomentKey key)
    {
        foreach (DiskTracking disk in state.Disks.Values)
            if (disk.PointOf(key) is { } point)
                state = state.With(disk.Remove(point.Id));
        MomentTree tree = state.Tree(out _).Without([key]);
        state = state.Without([key]);
        foreach (Moment moment in tree.All)
            if (state.Moments[moment.Key].Parent != moment.Parent)
                state = state.With(state.Moments[moment.Key] with { Parent = moment.Parent, Document = state.Moments[moment.Key].Document with { ParentName = moment.ParentName } });
        return state;
    }

    // A nameless branching point, as a removed snapshot with two overlays leaves one.
    private static DomainMoments WithGhost(DomainMoments state, string disk, int number)
    {
        DiskTracking tracking = state.Disk(disk);
        TrackingPoint root = tracking.Points.Values.First(point => point.ParentId is null);
        var ghost = new TrackingPoint("g" + number, root.Id, [new SegmentSource.Bitmap("l" + disk, "mt-g" + number, null)], 1 << 20, 1 << 30, "l" + disk, true, null);
        return state.With(tracking with { Points = new Dictionary<string, TrackingPoint>(tracking.Points, StringComparer.Ordinal) { [ghost.Id] = ghost } });
    }
}
