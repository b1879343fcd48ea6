using System.Text.Json.Nodes;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// What taking a checkpoint means for one disk: which bitmap opens, which closes, which copy is read for the sidecar. Pure; it gives the
/// actions for the transaction, and goes into the journal so that the same can be undone.
/// </summary>
/// <param name="Disk">The disk.</param>
/// <param name="Node">QEMU's node of the active layer.</param>
/// <param name="Opened">The bitmap that records from now on.</param>
/// <param name="Closed">The proven bitmap that recorded until now, or null.</param>
/// <param name="Marker">The bitmap that marks the new tip.</param>
/// <param name="OldMarker">The one that marked the last tip and is in the image, or null.</param>
/// <param name="Copy">A temporary closed copy of what closed, to be read over NBD; null where nothing proven closes.</param>
/// <param name="NeedsFull">Whether the old mark has not a bit for each block of the disk, so that the new one's must come from elsewhere.</param>
/// <param name="WasCut">Whether the old mark told that the disk had been smaller.</param>
internal sealed record CheckpointStep(
    string Disk, string Node, string Opened, string? Closed, string Marker, string? OldMarker, string? Copy, bool NeedsFull = true, bool WasCut = false)
{
    /// <summary>Marks an image as the holder of a tip, without the bits that would tell how small the disk was meanwhile; then nothing is known of that.</summary>
    public static TransactionAction Mark(string node, string marker) =>
        TransactionAction.BitmapAdd(node, marker, persistent: true, TrackingProof.BareMarkGranularity, disabled: true);

    /// <summary>Marks an image as the holder of a tip.</summary>
    /// <param name="node">The node of the layer.</param>
    /// <param name="marker">The mark.</param>
    /// <param name="full">A bitmap with a bit for each block that the disk had all the time: the mark before, or one made for this.</param>
    public static IEnumerable<TransactionAction> Mark(string node, string marker, BitmapRef full) =>
        [TransactionAction.BitmapAdd(node, marker, persistent: true, TrackingProof.Granularity, disabled: true), TransactionAction.BitmapMerge(node, marker, [full])];

    /// <summary>Opens first and closes last: a write between two actions is then seen by both, never by none.</summary>
    /// <param name="full">A bitmap with all its bits set, for a mark that needs one.</param>
    public IEnumerable<TransactionAction> Actions(BitmapRef? full = null)
    {
        yield return TransactionAction.BitmapAdd(Node, Opened, persistent: true, TrackingProof.Granularity);
        if (Closed is not null)
        {
            yield return TransactionAction.BitmapDisable(Node, Closed);
            yield return TransactionAction.BitmapAdd(Node, Copy!, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(Node, Copy!, [new BitmapRef(Node, Closed)]);
        }

        if (!NeedsFull)
            full = new BitmapRef(Node, OldMarker!);
        foreach (TransactionAction action in full is { } bits ? Mark(Node, Marker, bits) : [Mark(Node, Marker)])
            yield return action;
        if (OldMarker is not null)
            yield return TransactionAction.BitmapRemove(Node, OldMarker);
    }

    /// <summary>What is on the layer when the actions have been done and the copy is gone.</summary>
    public ObservedLayer After(ObservedLayer seen)
    {
        var bitmaps = new Dictionary<string, ObservedBitmap>(seen.Bitmaps, StringComparer.Ordinal)
        {
            [Opened] = new(Opened, TrackingProof.Granularity, Recording: true, Inconsistent: false, Persistent: true, Busy: false, Count: 0),
            [Marker] = new(Marker, TrackingProof.Granularity, Recording: false, Inconsistent: false, Persistent: true, Busy: false, Count: TrackingProof.InBlocks(seen.Size)),
        };
        if (Closed is not null)
            bitmaps[Closed] = bitmaps[Closed] with { Recording = false };
        if (OldMarker is not null)
            bitmaps.Remove(OldMarker);
        return seen with { Bitmaps = bitmaps };
    }

    /// <summary>
    /// Whether an image is as the transaction left it: later moments replace the mark. One that is ahead of this record, which was put back from a
    /// copy, is nothing to undo.
    /// </summary>
    public bool IsLeftIn(ObservedLayer seen) => seen.Bitmaps.ContainsKey(Opened) && seen.Bitmaps.ContainsKey(Marker);

    /// <summary>Whether an image is ahead of it: it bears a mark that is neither the one before nor the one after.</summary>
    public bool IsBehind(ObservedLayer seen) => !(OldMarker is not null && seen.Bitmaps.ContainsKey(OldMarker)) && !seen.Bitmaps.ContainsKey(Marker)
        && seen.Bitmaps.Values.Any(bitmap => !bitmap.Inconsistent && bitmap.Name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal));

    /// <summary>What gives the state before, from any state between; nothing where the transaction did not happen.</summary>
    /// <param name="node">The node of the active layer now: perhaps another QEMU than then.</param>
    /// <param name="seen">What is there now.</param>
    public IEnumerable<TransactionAction> UndoActions(string node, ObservedLayer seen)
    {
        if (IsLeftIn(seen))
        {
            ObservedBitmap opened = seen.Bitmaps[Opened];
            bool whole = !opened.Inconsistent && Closed is not null && seen.Bitmaps.TryGetValue(Closed, out ObservedBitmap? closed) && !closed.Inconsistent;
            if (whole)
            {
                yield return TransactionAction.BitmapEnable(node, Closed!);
                yield return TransactionAction.BitmapMerge(node, Closed!, [new BitmapRef(node, Opened)]);
                if (OldMarker is not null && !seen.Bitmaps.ContainsKey(OldMarker))
                    foreach (TransactionAction action in MarkAgain(node, seen.Bitmaps[Marker]))
                        yield return action;
            }

            yield return TransactionAction.BitmapRemove(node, Opened);
            yield return TransactionAction.BitmapRemove(node, Marker);
        }

        if (Copy is not null && seen.Bitmaps.ContainsKey(Copy))
            yield return TransactionAction.BitmapRemove(node, Copy);
    }

    // What the old mark told of the disk's sizes must not be forgotten with it. How much was cut is: then all of it counts as cut.
    private IEnumerable<TransactionAction> MarkAgain(string node, ObservedBitmap marker) =>
        NeedsFull && WasCut ? [TransactionAction.BitmapAdd(node, OldMarker!, persistent: true, TrackingProof.Granularity, disabled: true)]
        : marker is { Inconsistent: false, Granularity: TrackingProof.Granularity } ? Mark(node, OldMarker!, new BitmapRef(node, Marker))
        : [Mark(node, OldMarker!)];

    public JsonObject ToJson() => new()
    {
        ["disk"] = Disk, ["node"] = Node, ["opened"] = Opened, ["closed"] = Closed, ["marker"] = Marker, ["oldMarker"] = OldMarker, ["copy"] = Copy,
        ["needsFull"] = NeedsFull, ["wasCut"] = WasCut,
    };

    public static CheckpointStep FromJson(JsonObject json) => new(
        (string)json["disk"]!, (string)json["node"]!, (string)json["opened"]!, (string?)json["closed"], (string)json["marker"]!, (string?)json["oldMarker"], (string?)json["copy"],
        (bool?)json["needsFull"] ?? true, (bool?)json["wasCut"] ?? false);
}
