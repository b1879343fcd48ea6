using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// What becomes of bitmaps when a layer is merged into the one beneath, at the instant where both hold the same: the closed segments are in
/// sidecars, so ours go from the lower one; what records for a tip goes on there, with all its bits; and the image is marked anew. Pure.
/// </summary>
/// <param name="Disk">The disk's tree as it is before.</param>
/// <param name="Child">The layer that goes.</param>
/// <param name="Opened">The name of the bitmap that records from then on, where the child holds a tip.</param>
/// <param name="NewTip">The id of the tip's point from then on.</param>
internal sealed record MergedBitmaps(DiskTracking Disk, TrackingLayer Child, string Opened, string NewTip)
{
    /// <summary>The branch whose tip the child holds, or null.</summary>
    public string? Branch => Disk.Tips.FirstOrDefault(tip => tip.Value.LayerId == Child.Id && tip.Value.Saved is null).Key;

    /// <summary>Why what was written to the child since the last moment is not known, or null.</summary>
    /// <param name="seen">The child's bitmaps as they are.</param>
    public string? Doubt(ObservedLayer seen) => Branch is { } branch ? new TrackingProof(Disk.Activate(branch), seen).OwnDoubt : null;

    /// <summary>Takes our old bitmaps from the layer that takes over. A transaction of its own: within one QEMU gives no name again that it frees.</summary>
    /// <param name="into">The node of that layer.</param>
    /// <param name="freed">The names of bitmaps there that were ours, beside those that begin like ours.</param>
    public static IEnumerable<TransactionAction> Removals(QmpBlockNode into, IReadOnlySet<string> freed) => into.DirtyBitmaps
        .Where(bitmap => bitmap is { Name: { } name, Busy: false } && (name.StartsWith(MomentIds.BitmapPrefix, StringComparison.Ordinal) || freed.Contains(name)))
        .Select(bitmap => TransactionAction.BitmapRemove(into.NodeName, bitmap.Name!));

    /// <summary>What records, and the mark, on the layer that takes over.</summary>
    /// <param name="child">The node of the layer that goes.</param>
    /// <param name="into">The node of the one that takes over.</param>
    public IEnumerable<TransactionAction> Additions(QmpBlockNode child, QmpBlockNode into)
    {
        if (into.Driver != "qcow2")
            yield break;
        if (Branch is not { } branch)
        {
            if (Child.FrozenTop is { } top)
                yield return CheckpointStep.Mark(into.NodeName, TrackingTip.MarkerPrefix + top);
            yield break;
        }

        TrackingTip tip = Disk.Tips[branch];
        ObservedLayer seen = Seen(child);
        yield return TransactionAction.BitmapAdd(into.NodeName, Opened, persistent: true, TrackingProof.Granularity);
        if (Doubt(seen) is null)
            yield return TransactionAction.BitmapMerge(into.NodeName, Opened, [new BitmapRef(child.NodeName, tip.Recording)]);
        string mark = TrackingTip.MarkerPrefix + NewTip;
        // The old mark's bits tell how small the disk was meanwhile, and must not be forgotten with it.
        foreach (TransactionAction action in seen.Bitmaps.GetValueOrDefault(tip.Marker) is { Inconsistent: false, Granularity: TrackingProof.Granularity }
            ? CheckpointStep.Mark(into.NodeName, mark, new BitmapRef(child.NodeName, tip.Marker)) : [CheckpointStep.Mark(into.NodeName, mark)])
            yield return action;
    }

    /// <summary>The tree afterwards; the layer that went stays known, with nothing on it, until its file is gone.</summary>
    /// <param name="into">The layer that has taken over, with what its file is.</param>
    /// <param name="raw">Whether that has no bitmaps: then nothing is recorded any more.</param>
    /// <param name="doubt">Why what was written last is not known, or null.</param>
    public DiskTracking Next(TrackingLayer into, bool raw, string? doubt)
    {
        // A frozen one is described when its file is at rest; until then nothing is known of it.
        TrackingLayer result = into with { FrozenTop = Child.FrozenTop, Facts = Child.FrozenTop is null ? into.Facts : null };
        DiskTracking next = Disk;
        if (Branch is { } branch)
        {
            TrackingTip tip = next.Tips[branch];
            if (raw)
                next = next.DropTip(branch);
            else if (doubt is not null)
                next = next.WithSources(tip.PointId, [.. next.Points[tip.PointId].Sources, new SegmentSource.Lost(doubt)]);
        }

        bool tips = Branch is not null && !raw;
        next = next.Merged(Child.Id, into.Id, result, tips ? Opened : null, tips ? NewTip : null);
        foreach (TrackingLayer above in next.ChildrenOf(into.Id))
            if (above.Facts is { } own)
                next = next.WithLayer(above with { Facts = own with { BackingFile = into.Path, BackingFormat = into.Facts!.Format, Length = null, Modified = null } });
        return next.WithLayer(Child with { BackingId = null, FrozenTop = null });
    }

    /// <summary>The bitmaps of a layer, as QEMU tells them.</summary>
    public static ObservedLayer Seen(QmpBlockNode node) => ObservedLayer.From(node.File, node.VirtualSize, node.DirtyBitmaps);
}
