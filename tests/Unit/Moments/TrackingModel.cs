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
    private int[] _now = new int[Blocks];
    private long _size = Blocks * BlockSize;
    private int _stamp;
    private int _names;

    public DiskTracking Tracking { get; private set; } = new() { Disk = "vda" };

    /// <summary>Carries out one of the operations; the number says which, and on what.</summary>
    public void Do(uint number)
    {
        int what = (int)(number % 8), argument = (int)(number / 8);
        if (what <= 1)
            Write(argument);
        else if (what <= 3)
            Checkpoint(lost: argument % 7 == 3);
        else if (what == 4)
            Branch(argument);
        else if (what == 5)
            Switch(argument);
        else if (what == 6)
            Remove(argument);
        else
            _size = (Blocks - argument % 3) * BlockSize;
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
        List<SegmentSource> closed = tip is null ? [] : [.. Tracking.Points[tip.PointId].Sources.Select(source =>
            source is SegmentSource.Bitmap { SidecarId: null } bitmap ? lost ? new SegmentSource.Lost("killed " + name) : bitmap with { SidecarId = "s" + name } : source)];
        TrackingLayer layer = tip is null ? new TrackingLayer("l0", "/images/l0", null) : Tracking.Layers[tip.LayerId];
        Tracking = Tracking.Checkpoint(Sample.Checkpoint(name), layer, _size, closed, name, point, next);
        _edges[point] = (tip is null ? null : _edges[point].Parent, closed);
        _content[point] = [.. _now];
        _sizes[point] = _sizes[next] = _size;
        Open(next, point, layer.Id, name);
    }

    // A restore makes this by hand: a new layer on a moment, with a tip and a bitmap of its own.
    private void Branch(int argument)
    {
        TrackingPoint[] moments = [.. Tracking.Points.Values.Where(point => point.Moment is not null).OrderBy(point => point.Id, StringComparer.Ordinal)];
        if (moments.Length == 0)
            return;
        TrackingPoint from = moments[argument % moments.Length];
        string id = $"b{++_names}", tip = "t" + id, layer = "l" + id, bitmap = "mt-" + id;
        var source = new SegmentSource.Bitmap(layer, bitmap, null);
        Tracking = Tracking with
        {
            Points = new Dictionary<string, TrackingPoint>(Tracking.Points, StringComparer.Ordinal) { [tip] = new(tip, from.Id, [source], from.Size, from.Size, layer, false, null) },
            Layers = new Dictionary<string, TrackingLayer>(Tracking.Layers, StringComparer.Ordinal) { [layer] = new(layer, "/images/" + layer, from.LayerId) },
            Tips = new Dictionary<string, TrackingTip>(Tracking.Tips, StringComparer.Ordinal) { [id] = new(tip, layer, bitmap) },
            ActiveBranch = id,
        };
        _now = [.. _content[from.Id]];
        _size = from.Size;
        _sizes[tip] = from.Size;
        Open(tip, from.Id, layer, bitmap);
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
        Tracking = Tracking with { ActiveBranch = branches[argument % branches.Length] };
        _now = [.. _content[Tracking.ActiveTip!.PointId]];
        _size = Tracking.Points[Tracking.ActiveTip.PointId].Size;
    }

    private void Remove(int argument)
    {
        TrackingPoint[] moments = [.. Tracking.Points.Values.Where(point => point.Moment is not null).OrderBy(point => point.Id, StringComparer.Ordinal)];
        if (moments.Length > 0)
            Tracking = Tracking.Remove(moments[argument % moments.Length].Id);
    }
}
