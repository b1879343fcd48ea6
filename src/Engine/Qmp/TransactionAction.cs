using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>
/// One action of a <c>transaction</c> (QAPI <c>TransactionAction</c>): all of them happen at one instant between two
/// guest writes, or none.
/// </summary>
/// <param name="Type">QAPI's name of the action.</param>
/// <param name="Data">Its arguments.</param>
internal sealed record TransactionAction(string Type, JsonObject Data)
{
    public static TransactionAction BitmapAdd(string node, string name, bool persistent = false, long? granularity = null, bool disabled = false) =>
        new("block-dirty-bitmap-add", QmpBitmapCommands.AddArguments(node, name, persistent, granularity, disabled));

    public static TransactionAction BitmapRemove(string node, string name) => On("block-dirty-bitmap-remove", node, name);

    public static TransactionAction BitmapEnable(string node, string name) => On("block-dirty-bitmap-enable", node, name);

    public static TransactionAction BitmapDisable(string node, string name) => On("block-dirty-bitmap-disable", node, name);

    /// <summary>Adds the bits of the sources, of which there is at least one and which may lie on other nodes, to the target.</summary>
    public static TransactionAction BitmapMerge(string node, string target, IEnumerable<BitmapRef> sources)
    {
        BitmapRef[] all = [.. sources];
        // QEMU (7.2 at least) crashes when a transaction with a merge of nothing ends.
        return all.Length > 0 ? new("block-dirty-bitmap-merge", QmpBitmapCommands.MergeArguments(node, target, all))
            : throw new ArgumentException($"Nothing is to be merged into '{target}' of '{node}'.", nameof(sources));
    }

    /// <summary>Starts a backup job, which stays in the list after its end (<c>auto-dismiss: false</c>).</summary>
    /// <param name="sync">QAPI <c>MirrorSyncMode</c>: full, top, none, bitmap, incremental.</param>
    /// <param name="bitmapMode">QAPI <c>BitmapSyncMode</c>: never, on-success, always.</param>
    /// <param name="speed">Bytes a second; null or 0 for no limit.</param>
    public static TransactionAction BlockdevBackup(
        string jobId, string device, string target, string sync, string? bitmap = null, string? bitmapMode = null, long? speed = null, bool compress = false)
    {
        var data = new JsonObject
        {
            ["job-id"] = jobId,
            ["device"] = device,
            ["target"] = target,
            ["sync"] = sync,
            ["auto-dismiss"] = false,
        };
        if (bitmap is not null)
            data["bitmap"] = bitmap;
        if (bitmapMode is not null)
            data["bitmap-mode"] = bitmapMode;
        if (speed is not null)
            data["speed"] = speed;
        if (compress)
            data["compress"] = true;
        return new TransactionAction("blockdev-backup", data);
    }

    /// <summary>Puts an overlay on a node; from then on guest writes go to the overlay.</summary>
    public static TransactionAction BlockdevSnapshot(string node, string overlay) =>
        new("blockdev-snapshot", new JsonObject { ["node"] = node, ["overlay"] = overlay });

    /// <summary>Takes a snapshot inside a node's image, of the disk alone.</summary>
    public static TransactionAction BlockdevSnapshotInternal(string node, string name) =>
        new("blockdev-snapshot-internal-sync", new JsonObject { ["device"] = node, ["name"] = name });

    internal JsonObject ToJson() => new() { ["type"] = Type, ["data"] = Data.DeepClone() };

    private static TransactionAction On(string type, string node, string name) => new(type, QmpBitmapCommands.Arguments(node, name));
}
