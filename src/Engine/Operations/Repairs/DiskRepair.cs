using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// What it takes to make one disk's records true again: for each bitmap that cannot be trusted its saved copy, else "lost"; where the
/// recording itself cannot be trusted, a new one under a new mark. An edge never gets fewer blocks by this: what goes is replaced by a
/// set that holds at least as much, or the edge becomes unknown. Pure.
/// </summary>
internal sealed class DiskRepair
{
    private readonly DiskTracking _before;
    private readonly ObservedLayer _seen;
    private readonly TrackingProof _proof;
    private readonly Func<string, string?> _unreadable;
    private readonly TrackingTip? _tip;
    private readonly bool _canSave;
    private readonly HashSet<string> _removed = new(StringComparer.Ordinal);

    private DiskRepair(DiskTracking before, ObservedLayer seen, Func<string, string?> unreadable, bool canSave)
    {
        _canSave = canSave;
        _before = before;
        _seen = seen;
        _unreadable = unreadable;
        _tip = before.ActiveTip;
        _proof = new TrackingProof(before, seen);
        Next = before;
    }

    /// <summary>The disk's tree afterwards.</summary>
    public DiskTracking Next { get; private set; }

    /// <summary>The bitmap that records from now on; null where the old one is proven.</summary>
    public string? Opened { get; private set; }

    /// <summary>The bitmaps that go.</summary>
    public IReadOnlyCollection<string> Removed => _removed;

    /// <summary>What becomes of each bitmap or saved copy, by its name or id, as a part of a sentence.</summary>
    public Dictionary<string, string> Outcomes { get; } = new(StringComparer.Ordinal);

    /// <summary>What becomes of the recording, as a part of a sentence; null where it goes on.</summary>
    public string? Recording { get; private set; }

    /// <summary>The id of the sidecar that has to hold the layer's allocation before any of this; null where it is not used.</summary>
    public string? AllocationId { get; private set; }

    /// <summary>The saved copies that are damaged while their bitmap is sound: by the bitmap's name, the id to save it under again.</summary>
    public Dictionary<string, string> SavedAgain { get; } = new(StringComparer.Ordinal);

    /// <param name="before">The disk's tree.</param>
    /// <param name="seen">What is on the active layer, with salvaged bitmaps as what they are then.</param>
    /// <param name="unreadable">Why a saved copy cannot be used, or null.</param>
    /// <param name="allocation">What the layer itself holds, where the recording is lost and that was looked at.</param>
    /// <param name="doubt">Why the recording is not to be trusted although it looks sound, or null.</param>
    /// <param name="unwanted">Bitmaps to remove that are nobody's, or that were asked for.</param>
    /// <param name="opened">A name for the new recording.</param>
    /// <param name="canSave">Whether bitmaps can be read from the file, to be saved again.</param>
    /// <param name="mend">Whether the records are mended; else bitmaps are removed and nothing more.</param>
    public static DiskRepair Make(
        DiskTracking before, ObservedLayer seen, Func<string, string?> unreadable, LayerAllocation? allocation, string? doubt, IEnumerable<string> unwanted, string opened, bool canSave, bool mend)
    {
        var repair = new DiskRepair(before, seen, unreadable, canSave);
        if (mend && repair._tip is { } tip)
        {
            foreach (TrackingPoint point in before.Points.Values.Where(point => point.ParentId is not null))
                repair.Settle(point);
            bool resized = repair.Resize(tip);
            if ((repair._proof.OwnDoubt ?? doubt) is { } lost)
                repair.RecordAnew(tip, lost, allocation, opened);
            if (resized || repair.Opened is not null)
                repair.MarkAnew(tip);
        }

        IReadOnlyDictionary<string, int>? references = repair._tip is null ? null : repair.Next.References(repair._tip.LayerId);
        foreach (string name in unwanted)
            if (references?.ContainsKey(name) != true && name != repair.Next.ActiveTip?.Marker && name != repair.Next.ActiveTip?.Recording && repair.RemoveQuietly(name))
                repair.Outcomes[name] = $"the bitmap '{name}' is removed";
        return repair;
    }

    /// <summary>The mark that the image gets in place of the old one, or null.</summary>
    public string? Mark { get; private set; }

    /// <summary>Whether the new mark's bits must come from elsewhere, because the old one has not a bit for each block of the disk.</summary>
    public bool NeedsFull => Mark is not null && !_proof.IsMarkFull;

    /// <summary>The transaction: opens first, then removes.</summary>
    /// <param name="node">The node of the active layer.</param>
    /// <param name="full">A bitmap with all its bits set, for a mark that needs one.</param>
    public IEnumerable<TransactionAction> Actions(string node, BitmapRef? full)
    {
        if (Opened is not null)
            yield return TransactionAction.BitmapAdd(node, Opened, persistent: true, TrackingProof.Granularity);
        if (Mark is not null)
            foreach (TransactionAction action in CheckpointStep.Mark(node, Mark, full ?? new BitmapRef(node, _tip!.Marker)))
                yield return action;
        foreach (string name in _removed)
            yield return TransactionAction.BitmapRemove(node, name);
    }

    private void Settle(TrackingPoint point)
    {
        List<SegmentSource> sources = [.. point.Sources.Select(source => IsRecording(source) ? source : Settled(source)).Distinct()];
        if (!sources.SequenceEqual(point.Sources))
            Next = Next.WithSources(point.Id, sources);
    }

    private bool IsRecording(SegmentSource source) => source is SegmentSource.Bitmap bitmap && bitmap.LayerId == _tip?.LayerId && bitmap.Name == _tip.Recording;

    private SegmentSource Settled(SegmentSource source)
    {
        switch (source)
        {
            case SegmentSource.Sidecar sidecar when _unreadable(sidecar.SidecarId) is { } trouble:
                Outcomes[sidecar.SidecarId] = "what it held is written down as lost";
                return new SegmentSource.Lost(trouble);
            // A layer that is not open is judged when it is.
            case SegmentSource.Bitmap bitmap when bitmap.LayerId == _tip?.LayerId:
                return Settled(bitmap);
            default:
                return source;
        }
    }

    private SegmentSource Settled(SegmentSource.Bitmap bitmap)
    {
        string? saved = bitmap.SidecarId is { } id ? _unreadable(id) : "it was not saved";
        if (_proof.WhyNot(bitmap) is not { } why)
        {
            if (bitmap.SidecarId is null || saved is null)
                return bitmap;
            Outcomes[bitmap.SidecarId] = _canSave ? $"the closed bitmap '{bitmap.Name}' is saved again" : $"the damaged copy of '{bitmap.Name}' is forgotten, for the bitmap itself is sound";
            if (!_canSave)
                return bitmap with { SidecarId = null };
            string again = MomentIds.New();
            SavedAgain[bitmap.Name] = again;
            return bitmap with { SidecarId = again };
        }

        Outcomes[bitmap.Name] = saved is null ? $"the saved copy of '{bitmap.Name}' takes its place" : $"what '{bitmap.Name}' recorded is written down as lost";
        RemoveQuietly(bitmap.Name);
        return saved is null ? new SegmentSource.Sidecar(bitmap.SidecarId!) : new SegmentSource.Lost(why);
    }

    // Beyond the smallest size that the disk had, no bitmap of the layer says anything; the mark that tells it may go.
    private bool Resize(TrackingTip active)
    {
        long recorded = Next.Points[active.PointId].Size, floor = Math.Min(_seen.Size, _proof.Floor);
        if (recorded != _seen.Size)
            Outcomes["size"] = $"the size of {_seen.Size} bytes is recorded, and the range between the two counts as changed";
        var points = Next.Points.ToDictionary(StringComparer.Ordinal);
        foreach (TrackingPoint point in Next.Points.Values.Where(point => point.Id == active.PointId || point.Sources.OfType<SegmentSource.Bitmap>().Any(source => source.LayerId == active.LayerId)))
            points[point.Id] = point with { Floor = Math.Min(point.Floor, floor), Size = point.Id == active.PointId ? _seen.Size : point.Size };
        if (recorded != _seen.Size || floor < recorded)
            Next = Next with { Points = points };
        return recorded != _seen.Size;
    }

    // Whoever holds a copy of the image from before must not pass for this one.
    private void MarkAnew(TrackingTip old)
    {
        Next = Next.WithTipPoint(MomentIds.New());
        Mark = Next.ActiveTip!.Marker;
        RemoveQuietly(old.Marker);
    }

    private void RecordAnew(TrackingTip tip, string doubt, LayerAllocation? allocation, string opened)
    {
        List<SegmentSource> others = [.. Next.Points[tip.PointId].Sources.Where(source => !IsRecording(source))];
        SegmentSource before;
        string since = _before.Current is { } moment ? $"since '{moment.Name}'" : "since the last moment";
        if (allocation?.Blocks is not null && !others.Exists(source => source is SegmentSource.Lost))
        {
            AllocationId = MomentIds.New();
            before = new SegmentSource.Sidecar(AllocationId);
            Recording = $"what was written {since} is taken from all that the image itself holds, which is at least that; recording begins anew";
        }
        else
        {
            before = new SegmentSource.Lost(doubt);
            Recording = $"what was written {since} is written down as lost, because {doubt}; recording begins anew";
        }

        Opened = opened;
        Next = Next.WithSources(tip.PointId, [.. others.Append(before).Append(new SegmentSource.Bitmap(tip.LayerId, opened, null)).Distinct()])
            .WithRecording(opened);
        // The marks of this and of other states, and what is there under names of ours that no edge relies on any more.
        HashSet<string> named = [tip.Recording, .. _before.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Where(source => source.LayerId == tip.LayerId).Select(source => source.Name)];
        IReadOnlyDictionary<string, int> references = Next.References(tip.LayerId);
        foreach (string name in _seen.Bitmaps.Keys)
            if (name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal) || (named.Contains(name) && !references.ContainsKey(name)))
                RemoveQuietly(name);
    }

    private bool RemoveQuietly(string name) => _seen.Bitmaps.ContainsKey(name) && _removed.Add(name);
}
