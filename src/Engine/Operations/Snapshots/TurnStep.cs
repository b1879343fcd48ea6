using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What going to another state inside its image means for one disk. Pure; it gives the actions for the transactions, and goes into the
/// journal so that the same can be finished or taken back.
/// </summary>
/// <param name="Disk">The disk.</param>
/// <param name="Path">The image.</param>
/// <param name="Node">QEMU's node of it.</param>
/// <param name="QomPath">The guest's device; null where no machine runs.</param>
/// <param name="SnapshotId">The id, in the image, of the snapshot to go to.</param>
/// <param name="Tag">Its tag.</param>
/// <param name="NewSize">The disk's virtual size in it, in bytes.</param>
/// <param name="OldSize">The disk's virtual size before.</param>
/// <param name="Held">Whether the disk had the snapshot's content before, so that its content tells nothing.</param>
/// <param name="Recording">The proven bitmap that records now and is to be kept in a sidecar, or null.</param>
/// <param name="OldMark">The mark of the tip that is left, where it is in the image.</param>
/// <param name="Removed">All bitmaps that lie on the node: none may, when a snapshot is loaded.</param>
/// <param name="Opened">The bitmap that records afterwards; null on a disk that is not tracked.</param>
/// <param name="Mark">The mark afterwards; null on a disk that is not tracked.</param>
/// <param name="BackOpened">The bitmap that records where all of it is taken back.</param>
/// <param name="BackMark">The mark then.</param>
internal sealed record TurnStep(
    string Disk, string Path, string Node, string? QomPath, string SnapshotId, string Tag, long NewSize, long OldSize, bool Held,
    string? Recording, string? OldMark, IReadOnlyList<string> Removed, string? Opened, string? Mark, string? BackOpened, string? BackMark)
{
    /// <summary>How the node is opened again (QAPI <c>BlockdevOptions</c>); null where it is never closed.</summary>
    public JsonObject? Reopen { get; init; }

    /// <summary>A closed copy of what recorded until now, to be read for the sidecar.</summary>
    public IEnumerable<TransactionAction> CopyActions(string copy) => Recording is null ? [] :
    [
        TransactionAction.BitmapAdd(Node, copy, granularity: TrackingProof.Granularity, disabled: true),
        TransactionAction.BitmapMerge(Node, copy, [new BitmapRef(Node, Recording)]),
    ];

    /// <summary>Begins to record at the new place.</summary>
    public IEnumerable<TransactionAction> OpenActions(BitmapRef full) => Open(Opened, Mark, full);

    /// <summary>Begins to record at the old place again.</summary>
    public IEnumerable<TransactionAction> BackActions(BitmapRef full) => Open(BackOpened, BackMark, full);

    public JsonObject ToJson() => new()
    {
        ["disk"] = Disk, ["path"] = Path, ["node"] = Node, ["device"] = QomPath, ["snapshot"] = SnapshotId, ["tag"] = Tag, ["newSize"] = NewSize, ["oldSize"] = OldSize, ["held"] = Held,
        ["recording"] = Recording, ["oldMark"] = OldMark, ["removed"] = new JsonArray([.. Removed.Select(name => (JsonNode)name)]),
        ["opened"] = Opened, ["mark"] = Mark, ["backOpened"] = BackOpened, ["backMark"] = BackMark,
        ["reopen"] = Reopen?.DeepClone(),
    };

    public static TurnStep FromJson(JsonObject json) => new(
        (string)json["disk"]!, (string)json["path"]!, (string)json["node"]!, (string?)json["device"], (string)json["snapshot"]!, (string)json["tag"]!, (long)json["newSize"]!, (long)json["oldSize"]!, (bool)json["held"]!,
        (string?)json["recording"], (string?)json["oldMark"], [.. json["removed"]!.AsArray().Select(name => (string)name!)],
        (string?)json["opened"], (string?)json["mark"], (string?)json["backOpened"], (string?)json["backMark"])
    {
        Reopen = (JsonObject?)json["reopen"]?.DeepClone(),
    };

    private IEnumerable<TransactionAction> Open(string? opened, string? mark, BitmapRef full) => opened is null ? [] :
    [
        TransactionAction.BitmapAdd(Node, opened, persistent: true, TrackingProof.Granularity),
        .. CheckpointStep.Mark(Node, mark!, full),
    ];
}
