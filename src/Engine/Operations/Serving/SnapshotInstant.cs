using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// The instant of a block snapshot: what must happen between two writes of the guest, sent to QEMU as one piece. No command that makes
/// filters can be part of a transaction, so a machine that runs stands still for it; nothing is asked or waited for in between. A node says
/// in QEMU itself that it stands still because of us, for as long as it does: whoever finds it after our death lets the machine go on.
/// </summary>
/// <param name="Nodes">The disk's nodes.</param>
/// <param name="Disk">The disk's name.</param>
/// <param name="Device">The guest's device.</param>
/// <param name="Below">The node that it uses now.</param>
/// <param name="Unmap">Whether that lets the guest's discards through.</param>
internal sealed record SnapshotInstant(BlockSnapshotNodes Nodes, string Disk, string Device, string Below, bool Unmap)
{
    /// <summary>Takes all disks at once. Not cancelled: what was sent happens.</summary>
    /// <param name="qmp">The machine.</param>
    /// <param name="id">The block snapshot's id.</param>
    /// <param name="actions">The transaction that belongs to the instant, or none.</param>
    /// <param name="disks">The disks that get a filter.</param>
    /// <returns>By disk, why QEMU put no filter under it; then the others are taken, but nothing of the whole is of use.</returns>
    /// <exception cref="MomentException">QEMU refused the transaction, or to stop or go on; or the link broke.</exception>
    public static async Task<IReadOnlyDictionary<string, MomentException>> TakeAsync(
        QmpClient qmp, string id, IReadOnlyList<TransactionAction> actions, IReadOnlyList<SnapshotInstant> disks)
    {
        // Only now: its user may have paused it since, or have let it go on.
        bool hold = (await qmp.QueryStatusAsync(CancellationToken.None)).Running;
        List<(string Name, JsonObject? Arguments, string? Disk)> commands = hold ? [("blockdev-add", BlockSnapshotNodes.HoldOptions(id), null), ("stop", null, null)] : [];
        if (actions.Count > 0)
            commands.Add(("transaction", QmpBitmapCommands.TransactionArguments(actions), null));
        commands.AddRange(disks.Select(disk => ("blockdev-add", (JsonObject?)disk.Nodes.FilterOptions(disk.Below, disk.Unmap), (string?)disk.Disk)));
        commands.AddRange(disks.Select(disk => ("qom-set", (JsonObject?)new JsonObject { ["path"] = disk.Device, ["property"] = "drive", ["value"] = disk.Nodes.Filter }, (string?)disk.Disk)));
        if (hold)
            commands.Add(("cont", null, null));
        IReadOnlyList<Task<JsonElement>> replies = await qmp.ExecuteTogetherAsync([.. commands.Select(command => (command.Name, command.Arguments))], CancellationToken.None);
        Dictionary<string, MomentException> refused = new(StringComparer.Ordinal);
        MomentException? failed = null;
        foreach ((Task<JsonElement> reply, string? disk) in replies.Zip(commands.Select(command => command.Disk)))
        {
            try
            {
                await reply;
            }
            catch (MomentException failure)
            {
                if (disk is not null && failure.ErrorId == QmpErrors.QmpCommandFailed)
                    refused.TryAdd(disk, failure);
                else
                    failed ??= failure;
            }
        }

        if (failed is not null)
            throw failed;
        if (hold)
            await qmp.BlockdevDelAsync(BlockSnapshotNodes.Hold(id), CancellationToken.None);
        return refused;
    }
}
