using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What an external snapshot means for one disk: which layer comes on which, which bitmap opens there, which closes here. Pure; it gives
/// the actions for the transaction, and goes into the journal so that the same can be undone or finished.
/// </summary>
/// <param name="Disk">The disk.</param>
/// <param name="Node">QEMU's node of the layer that is frozen.</param>
/// <param name="Base">That layer as the tracking knows it.</param>
/// <param name="BaseFormat">Its format.</param>
/// <param name="Size">The virtual size in bytes.</param>
/// <param name="Overlay">The node and the file of the new layer.</param>
/// <param name="OverlayId">The new layer in the tracking.</param>
/// <param name="Made">Whether the file is made here; else it was given.</param>
/// <param name="Opened">The bitmap that records on the new layer from now on.</param>
/// <param name="Closed">The proven bitmap that recorded until now, or null.</param>
/// <param name="Marker">The bitmap that marks the new layer as the holder of the tip.</param>
/// <param name="OldMarker">The mark of the frozen layer that has a bit for each block of the disk, or null: then the bits must come from elsewhere.</param>
/// <param name="BaseMarker">The mark that the frozen layer gets because it has none: by it the layer is known again; null where it has one, or can have none.</param>
internal sealed record SnapshotStep(
    string Disk, string Node, TrackingLayer Base, string BaseFormat, long Size, OverlayNode Overlay, string OverlayId, bool Made,
    string Opened, string? Closed, string Marker, string? OldMarker, string? BaseMarker)
{
    /// <summary>Opens first and closes last; the snapshot drains the node until all is done, so that all of it has one instant.</summary>
    /// <param name="full">A bitmap with all its bits set, where no old mark has them.</param>
    public IEnumerable<TransactionAction> Actions(BitmapRef? full)
    {
        if (BaseMarker is not null)
            yield return CheckpointStep.Mark(Node, BaseMarker);
        yield return TransactionAction.BlockdevSnapshot(Node, Overlay.NodeName);
        yield return TransactionAction.BitmapAdd(Overlay.NodeName, Opened, persistent: true, TrackingProof.Granularity);
        if (OldMarker is not null)
            full = new BitmapRef(Node, OldMarker);
        foreach (TransactionAction action in full is { } bits ? CheckpointStep.Mark(Overlay.NodeName, Marker, bits) : [CheckpointStep.Mark(Overlay.NodeName, Marker)])
            yield return action;
        if (Closed is not null)
            yield return TransactionAction.BitmapDisable(Node, Closed);
    }

    /// <summary>What is on the new layer then.</summary>
    public ObservedLayer After(IReadOnlyList<SeenLayer> chain) => new(Overlay.Path, Size, new Dictionary<string, ObservedBitmap>(StringComparer.Ordinal)
    {
        [Opened] = new(Opened, TrackingProof.Granularity, Recording: true, Inconsistent: false, Persistent: true, Busy: false, Count: 0),
        [Marker] = new(Marker, TrackingProof.Granularity, Recording: false, Inconsistent: false, Persistent: true, Busy: false, Count: TrackingProof.InBlocks(Size)),
    })
    {
        Chain = new SeenChain(chain),
    };

    /// <summary>The machine's definition with the new layers.</summary>
    public static DomainDocument Definition(DomainDocument domain, IEnumerable<SnapshotStep> steps) =>
        steps.Aggregate(domain, (next, step) => next.WithDiskSource(step.Disk, step.Overlay.Path, OverlayFile.Format, Libc.IsBlockDevice(step.Overlay.Path) ? "block" : "file"));

    public JsonObject ToJson() => new()
    {
        ["disk"] = Disk, ["node"] = Node, ["layer"] = Base.Id, ["base"] = Base.Path, ["format"] = BaseFormat, ["size"] = Size, ["overlayNode"] = Overlay.NodeName, ["overlay"] = Overlay.Path,
        ["overlayId"] = OverlayId, ["made"] = Made, ["opened"] = Opened, ["closed"] = Closed, ["marker"] = Marker, ["oldMarker"] = OldMarker,
        ["baseMarker"] = BaseMarker, ["frozenTop"] = Base.FrozenTop,
    };

    public static SnapshotStep FromJson(JsonObject json) => new(
        (string)json["disk"]!, (string)json["node"]!, new TrackingLayer((string)json["layer"]!, (string)json["base"]!, null, (string?)json["frozenTop"]), (string)json["format"]!, (long)json["size"]!,
        new OverlayNode((string)json["overlayNode"]!, (string)json["overlay"]!), (string)json["overlayId"]!, (bool)json["made"]!,
        (string)json["opened"]!, (string?)json["closed"], (string)json["marker"]!, (string?)json["oldMarker"], (string?)json["baseMarker"]);
}
