using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// What removing moments means for one disk: the tree after it, the bitmaps that are merged, renamed and removed so that the names come
/// free and the edges that stay lose nothing, and the sidecars of merged segments. Pure; only bitmaps on the active layer are edited.
/// </summary>
internal sealed class RemovalStep
{
    private readonly ObservedLayer _seen;
    private readonly TrackingProof _proof;
    private readonly HashSet<string> _names;
    private readonly string _node;
    private readonly string _operationId;
    private readonly TrackingTip? _tip;
    private readonly IReadOnlyDictionary<string, int> _references = new Dictionary<string, int>(StringComparer.Ordinal);
    private readonly List<TransactionAction> _actions = [];
    private readonly HashSet<string> _removed = new(StringComparer.Ordinal);
    private bool _grown;

    private RemovalStep(DiskTracking before, IReadOnlyCollection<MomentKey> keys, ObservedLayer seen, string node, string operationId, bool sweep)
    {
        _seen = seen;
        _node = node;
        _operationId = operationId;
        _proof = new TrackingProof(before, seen);
        _names = [.. keys.Select(key => key.Name)];
        _tip = before.ActiveTip;
        Next = before.Remove(keys);
        if (_tip is null)
            return;
        _references = Next.References(_tip.LayerId);
        foreach (TrackingPoint point in Next.Points.Values.ToList())
            Compact(point);
        RemoveUnused(before);
        if (sweep)
            Sweep();
        if (_grown && Next.ActiveTip is not null)
            Remark();
    }

    /// <summary>The disk's tree afterwards.</summary>
    public DiskTracking Next { get; private set; }

    public IReadOnlyList<TransactionAction> Actions => _actions;

    /// <summary>The bitmaps that are gone once the transaction happened: that is how a later process knows.</summary>
    public IReadOnlyCollection<string> Removed => _removed;

    /// <summary>By the id of the new sidecar: those it is the union of.</summary>
    public Dictionary<string, IReadOnlyList<string>> Sidecars { get; } = new(StringComparer.Ordinal);

    /// <param name="before">The disk's tree.</param>
    /// <param name="keys">The moments that go.</param>
    /// <param name="seen">What is really on the active layer.</param>
    /// <param name="node">QEMU's node of it.</param>
    /// <param name="operationId">Part of the names of new bitmaps.</param>
    /// <param name="sweep">Also what bears our names and belongs to nothing: leftovers of crashes.</param>
    public static RemovalStep Make(
        DiskTracking before, IReadOnlyCollection<MomentKey> keys, ObservedLayer seen, string node, string operationId, bool sweep = false) =>
        new(before, keys, seen, node, operationId, sweep);

    // Several bitmaps of one edge become one, and a bitmap under a removed name gets another: the name must come free.
    private void Compact(TrackingPoint point)
    {
        List<SegmentSource.Bitmap> here = [.. point.Sources.OfType<SegmentSource.Bitmap>()
            .Where(source => source.LayerId == _tip!.LayerId && _references[source.Name] == 1)];
        if (here.Count < 2 && !here.Exists(source => _names.Contains(source.Name)))
            return;
        List<SegmentSource> sources = [.. point.Sources.Except(here)];
        List<SegmentSource.Bitmap> proven = [.. here.Where(_proof.IsProven)];
        foreach (SegmentSource.Bitmap doubtful in here.Except(proven))
        {
            sources.Add(doubtful.SidecarId is { } sidecar ? new SegmentSource.Sidecar(sidecar) : new SegmentSource.Lost(_proof.WhyNot(doubtful)!));
            if (_names.Contains(doubtful.Name))
                RemoveBitmap(doubtful.Name);
        }

        bool isTip = point.Id == Next.ActiveTip?.PointId;
        if (proven.Count > 0)
            sources.Add(Merge(proven, isTip));
        else if (isTip)
            Next = Next.WithRecording($"mt-{_operationId}-lost");
        Next = Next.WithSources(point.Id, sources);
    }

    private SegmentSource.Bitmap Merge(List<SegmentSource.Bitmap> proven, bool isTip)
    {
        SegmentSource.Bitmap? keep = proven.Find(source => !_names.Contains(source.Name));
        string name = keep?.Name ?? $"mt-{_operationId}-{_actions.Count}";
        if (keep is null)
            _actions.Add(TransactionAction.BitmapAdd(_node, name, persistent: true, TrackingProof.Granularity, disabled: !isTip));
        else if (isTip && keep.Name != _tip!.Recording)
            _actions.Add(TransactionAction.BitmapEnable(_node, name));
        string[] others = [.. proven.Select(source => source.Name).Where(other => other != name)];
        if (others.Length > 0)
            _actions.Add(TransactionAction.BitmapMerge(_node, name, others.Select(other => new BitmapRef(_node, other))));
        _grown |= keep is not null && others.Length > 0;
        foreach (string other in others)
            RemoveBitmap(other);
        if (isTip)
            Next = Next.WithRecording(name);
        return new SegmentSource.Bitmap(_tip!.LayerId, name, isTip ? null : MergedSidecar(proven));
    }

    private string? MergedSidecar(List<SegmentSource.Bitmap> proven)
    {
        string[] ids = [.. proven.Select(source => source.SidecarId).OfType<string>()];
        if (ids.Length != proven.Count)
            return null;
        if (ids.Length == 1)
            return ids[0];
        string merged = MomentIds.New();
        Sidecars[merged] = ids;
        return merged;
    }

    // Bitmaps of edges that are no more, and the mark of a tip that lost its history.
    private void RemoveUnused(DiskTracking before)
    {
        IEnumerable<SegmentSource.Bitmap> were = before.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Where(source => source.LayerId == _tip!.LayerId);
        // A bitmap that was lost in a crash is no edge's source any more, but bears its checkpoint's name all the same.
        IEnumerable<string> lost = before.Points.Values.Where(point => point.LayerId == _tip!.LayerId).Select(point => point.Moment?.Name).OfType<string>().Where(_names.Contains);
        IReadOnlyDictionary<string, int> references = Next.References(_tip!.LayerId);
        foreach (string name in were.Select(source => source.Name).Concat(lost).Distinct(StringComparer.Ordinal))
            if (!references.ContainsKey(name))
                RemoveBitmap(name);
        if (Next.ActiveTip is null)
            RemoveBitmap(_tip!.Marker);
    }

    private void Sweep()
    {
        IReadOnlyDictionary<string, int> references = Next.References(_tip!.LayerId);
        foreach (ObservedBitmap bitmap in _seen.Bitmaps.Values)
            if (bitmap.Name.StartsWith(MomentIds.BitmapPrefix, StringComparison.Ordinal) && !bitmap.Busy && bitmap.Name != Next.ActiveTip?.Marker && !references.ContainsKey(bitmap.Name))
                RemoveBitmap(bitmap.Name);
    }

    // A bitmap that was there before now holds more: a copy of the image from before must not pass for it under the same mark.
    private void Remark()
    {
        Next = Next.WithTipPoint(MomentIds.New());
        _actions.AddRange(_seen.Bitmaps.GetValueOrDefault(_tip!.Marker) is { Inconsistent: false, Granularity: TrackingProof.Granularity }
            ? CheckpointStep.Mark(_node, Next.ActiveTip!.Marker, new BitmapRef(_node, _tip.Marker)) : [CheckpointStep.Mark(_node, Next.ActiveTip!.Marker)]);
        RemoveBitmap(_tip!.Marker);
    }

    private void RemoveBitmap(string name)
    {
        if (_seen.Bitmaps.ContainsKey(name) && _removed.Add(name))
            _actions.Add(TransactionAction.BitmapRemove(_node, name));
    }
}
