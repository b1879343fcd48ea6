using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>Snapshots inside the images, found by their tag. The jobs stay in the list after their end, where their errors are.</summary>
internal static class QmpSnapshotCommands
{
    /// <summary>Starts to save disks and memory under a tag; the guest stands still meanwhile (<c>snapshot-save</c>).</summary>
    /// <param name="vmstate">The node whose image takes the memory.</param>
    /// <param name="devices">The nodes of the disks.</param>
    public static Task SnapshotSaveAsync(this QmpClient qmp, string jobId, string tag, string vmstate, IEnumerable<string> devices, CancellationToken cancellation) =>
        RunAsync(qmp, "snapshot-save", jobId, tag, vmstate, devices, cancellation);

    /// <summary>Starts to load disks and memory; nodes with any dirty bitmap are refused (<c>snapshot-load</c>).</summary>
    /// <inheritdoc cref="SnapshotSaveAsync"/>
    public static Task SnapshotLoadAsync(this QmpClient qmp, string jobId, string tag, string vmstate, IEnumerable<string> devices, CancellationToken cancellation) =>
        RunAsync(qmp, "snapshot-load", jobId, tag, vmstate, devices, cancellation);

    /// <summary>Deletes one snapshot of one image (<c>blockdev-snapshot-delete-internal-sync</c>).</summary>
    /// <param name="node">The node.</param>
    /// <param name="id">The snapshot's id in the image.</param>
    /// <param name="name">Its tag.</param>
    public static Task SnapshotDeleteInternalAsync(this QmpClient qmp, string node, string id, string name, CancellationToken cancellation) =>
        qmp.ExecuteAsync("blockdev-snapshot-delete-internal-sync", new JsonObject { ["device"] = node, ["id"] = id, ["name"] = name }, cancellation);

    private static Task<JsonElement> RunAsync(QmpClient qmp, string command, string jobId, string tag, string vmstate, IEnumerable<string> devices, CancellationToken cancellation) =>
        qmp.ExecuteAsync(command, new JsonObject { ["job-id"] = jobId, ["tag"] = tag, ["vmstate"] = vmstate, ["devices"] = new JsonArray([.. devices.Select(device => (JsonNode)device)]) }, cancellation);
}
