using MomentTools.Moments;

namespace MomentTools.Tests.Moments;

/// <summary>
/// A disk's life beside its tracking, in the plainest form: a tree that is never spliced, the content of every state, and what each
/// bitmap has recorded. Removing a moment changes nothing here, so every answer can be held against what really happened.
/// </summary>
internal sealed class TrackingModel
{
    private const int Blocks = 12;
    private const long BlockSize = 65536;

    private readonly Dictionary<string, (string? Parent, List<SegmentSource> Sources)> _edges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int[]> _content = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Layer, string Bitmap), HashSet<int>> _recorded = [];
    private readonly Dictionary<string, long> _sizes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _pinned = new(StringComparer.Ordinal);
    private int[] _now = new int[Blocks];
    private long _size = Blocks * BlockSize;
    private int _stamp;
    private int _names;

    public DiskTracking Tracking { get; private set; } = new() { Disk = "vda" };

    /// <summary>The points that were pinned and not unpinned since.</summary>
    public IReadOnlySet<string> Pinned => _pinned;

    /// <summary>Carries out one of the operations; the number says which, and on what.</summary>
    public void Do(uint number)
    {
        int what = (int)(number % 18), argument = (int)(number / 18);
        Action step = what switch
        {
            <= 3 => () => Write(argument),
            <= 5 => () => Checkpoint(lost: argument % 7 == 3),
            6 => () => Freeze(argument % 5 == 3),
            7 => () => Fork(argument),
            8 => () => Revert(argument),
            9 or 10 => () => Switch(argument),
            11 => () => Remove(argument),
            12 => () => Forget(argument),
            13 => () => LetGo(argument),
            14 => () => Drop(argument),
            15 => () => Pin(argument),
            16 => () => Unpin(argument),
            _ => () => _size = (Blocks - argument % 3) * BlockSize,
        };
        step();
        if (Tracking.ActiveTip is { } tip)
            _content[tip.PointId] = [.. _now];
    }

    /// <summary>The sources of every edge between two states as life went, whatever was removed since.</summary>
    public HashSet<SegmentSource> Between(string from, string to)
    {
        List<string> up = Line(from), down = Line(to);
        HashSet<string> common = [.. up.Intersect(down, StringComparer.Ordinal)];
        return [.. up.Concat(down).Where(point => !common.Contains(point)).SelectMany(point => _edges[point].Sources)];
    }

    /// <summary>The smallest size among the states that lie between two, both included.</summary>
    public long LeastSize(string from, string to)
    {
        List<string> up = Line(from), down = Line(to);
        string meeting = up.First(point => down.Contains(point, StringComparer.Ordinal));
        return up.TakeWhile(point => point != meeting).Concat(down.TakeWhile(point => point != meeting)).Append(meeting).Min(point => _sizes[point]);
    }

    public HashSet<int> Differing(string from, string to) =>
        [.. Enumerable.Range(0, Blocks).Where(block => _content[from][block] != _content[to][block])];

    /// <summary>What the sources hold; a bitmap that does not exist is an error of the test's subject.</summary>
    public HashSet<int> Union(IEnumerable<SegmentSource> sources) =>
        [.. sources.OfType<SegmentSource.Bitmap>().SelectMany(bitmap => _recorded[(bitmap.LayerId, bitmap.Name)])];

    public bool Exists(SegmentSource.Bitmap bitmap) => _recorded.ContainsKey((bitmap.LayerId, bitmap.Name));

    private List<string> Line(string point)
    {
        List<string> line = [];
        for (string? at = point; at is not null; at = _edges[at].Parent)
            line.Add(at);
        return line;
    }

    private void Write(int argument)
    {
        for (int index = 0; index <= argument % 3; index++)
        {
            int block = (argument * 5 + index * 7) % Blocks;
            _now[block] = ++_stamp;
            if (Tracking.ActiveTip is { } tip)
                _recorded[(tip.LayerId, tip.Recording)].Add(block);
        }
    }

    private void Checkpoint(bool lost)
    {
        TrackingTip? tip = Tracking.ActiveTip;
        string name = $"c{++_names}", point = tip?.PointId ?? $"p{_names}", next = $"t{_names}";
        List<SegmentSource> closed = Closed(lost);
        TrackingLayer layer = tip is null ? new TrackingLayer("l0", "/images/l0", null) : Tracking.Layers[tip.LayerId];
        Tracking = Tracking.Checkpoint(Sample.Checkpoint(name), layer, _size, closed, name, point, next);
        _edges[point] = (tip is null ? null : _edges[point].Parent, closed);
        _content[point] = [.. _now];
        _sizes[point] = _sizes[next] = _size;
        Open(next, point, layer.Id, name);
    }

    // What recorded last is closed, with a sidecar.
    private List<SegmentSource> Closed(bool lost) => Tracking.ActiveTip is not { } tip ? [] : [.. Tracking.Points[tip.PointId].Sources.Select(source =>
        source is SegmentSource.Bitmap { SidecarId: null } bitmap ? lost ? new SegmentSource.Lost("killed " + _names) : bitmap with { SidecarId = "s" + _names } : source)];

    // An external snapshot.
    private void Freeze(bool lost)
    {
        if (Tracking.ActiveTip is not { } tip)
            return;
        string id = $"f{++_names}", layer = "l" + id;
        List<SegmentSource> closed = Closed(lost);
        Tracking = Tracking.Freeze(Sample.Snapshot(id), Tracking.Layers[tip.LayerId], new TrackingLayer(layer, "/images/" + layer, null), _size, closed, "mt-" + id, "unused", "t" + id);
        _edges[tip.PointId] = (_edges[tip.PointId].Parent, closed);
        _content[tip.PointId] = [.. _now];
        _sizes[tip.PointId] = _sizes["t" + id] = _size;
        Open("t" + id, tip.PointId, layer, "mt-" + id);
    }

    // A restore to an external snapshot; the tip that is left stays, under another name where it was of the same branch.
    private void Fork(int argument)
    {
        if (At(Tracking.Points.Values.Where(point => point.Moment is not null && Tracking.Layers.Values.Any(layer => layer.FrozenTop == point.Id)), argument) is not { } from)
            return;
        string id = $"b{++_names}", tip = "t" + id, layer = "l" + id, branch = argument % 2 == 0 ? id : Tracking.ActiveBranch;
        if (branch != id)
            Tracking = Tracking.RenameTip(branch, "mt-" + id);
        Tracking = Tracking.Fork(branch, from.Id, new TrackingLayer(layer, "/images/" + layer, null), from.Size, "mt-" + id, tip).Activate(branch);
        Arrive(from, tip);
        Open(tip, from.Id, layer, "mt-" + id);
    }

    // A restore to an internal snapshot; the tip is saved in its turn, or its content is gone.
    private void Revert(int argument)
    {
        if (Tracking.ActiveTip is not { } left || At(Tracking.Points.Values.Where(point => point.Moment is not null && point.LayerId == left.LayerId), argument) is not { } from)
            return;
        string id = $"r{++_names}", branch = Tracking.ActiveBranch;
        if (argument % 2 == 0)
        {
            Save();
            Tracking = Tracking.RenameTip(branch, "mt-" + id).Activate(branch);
        }

        Tracking = Tracking.Revert(branch, from.Id, "mt-" + id, "t" + id, from.Size);
        Arrive(from, "t" + id);
        Open("t" + id, from.Id, left.LayerId, "mt-" + id);
    }

    private void Save()
    {
        TrackingTip tip = Tracking.ActiveTip!;
        _content[tip.PointId] = [.. _now];
        _edges[tip.PointId] = (_edges[tip.PointId].Parent, Closed(lost: false));
        Tracking = Tracking.SaveTip(Tracking.ActiveBranch, _edges[tip.PointId].Sources, "tag" + ++_names);
    }

    private void Arrive(TrackingPoint from, string tip)
    {
        _now = [.. _content[from.Id]];
        _size = _sizes[tip] = from.Size;
    }

    private void Open(string tip, string parent, string layer, string bitmap)
    {
        _edges[tip] = (parent, [new SegmentSource.Bitmap(layer, bitmap, null)]);
        _recorded.Add((layer, bitmap), []);
        _content[tip] = [.. _now];
    }

    private void Switch(int argument)
    {
        string[] branches = [.. Tracking.Tips.Keys.Order(StringComparer.Ordinal)];
        if (branches.Length == 0)
            return;
        string branch = branches[argument % branches.Length];
        if (branch == Tracking.ActiveBranch)
            return;
        if (Tracking.ActiveTip is { } left && left.LayerId == Tracking.Tips[branch].LayerId)
            Save();
        Tracking = Tracking.Activate(branch);
        TrackingTip tip = Tracking.ActiveTip!;
        if (tip.Saved is not null)
        {
            string opened = $"mt-{++_names}";
            Tracking = Tracking.LoadTip(branch, opened);
            _recorded.Add((tip.LayerId, opened), []);
            _edges[tip.PointId].Sources.Add(new SegmentSource.Bitmap(tip.LayerId, opened, null));
        }

        _now = [.. _content[tip.PointId]];
        _size = Tracking.Points[tip.PointId].Size;
    }

    private void Drop(int argument)
    {
        string[] branches = [.. Tracking.Tips.Keys.Where(branch => branch != Tracking.ActiveBranch).Order(StringComparer.Ordinal)];
        if (branches.Length > 0)
            Tracking = Tracking.DropTip(branches[argument % branches.Length]);
    }

    private void Forget(int argument)
    {
        if (At(Tracking.Points.Values.Where(point => point.Moment is not null), argument) is { } point)
            Tracking = Tracking.Forget([point.Moment!]);
    }

    private void LetGo(int argument)
    {
        if (At(Tracking.Points.Values.Where(point => point.Kept), argument) is { } point)
            Tracking = argument % 3 == 0 ? Tracking.Recall(point.Id, Sample.Checkpoint($"again{++_names}")) : Tracking.LetGo([point.Id]);
    }

    // What a block snapshot refers to lies above a tip.
    private void Pin(int argument)
    {
        if (At(Tracking.Points.Values.Where(point => Tracking.Tips.Values.All(tip => tip.PointId != point.Id)), argument) is not { } point)
            return;
        Tracking = Tracking.Pin(point.Id);
        _pinned.Add(point.Id);
    }

    private void Unpin(int argument)
    {
        if (At(Tracking.Points.Values.Where(point => point.Pinned), argument) is not { } point)
            return;
        Tracking = Tracking.Unpin(point.Id);
        _pinned.Remove(point.Id);
    }

    private static TrackingPoint? At(IEnumerable<TrackingPoint> points, int argument) =>
        points.OrderBy(point => point.Id, StringComparer.Ordinal).ToArray() is { Length: > 0 } found ? found[argument % found.Length] : null;

    private void Remove(int argument)
    {
        TrackingPoint[] moments = [.. Tracking.Points.Values.Where(point => point.Moment is not null).OrderBy(point => point.Id, StringComparer.Ordinal)];
        if (moments.Length > 0)
            Tracking = Tracking.Remove(moments[argument % moments.Length].Id);
    }
}
