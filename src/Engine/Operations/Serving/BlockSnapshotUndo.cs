using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Takes back a block snapshot that was not decided: lets the machine go on before anything else, then removes all that was made for it.</summary>
internal static class BlockSnapshotUndo
{
    private const string Daemon = "daemon";

    /// <summary>All that is needed for it.</summary>
    /// <param name="record">What is made.</param>
    /// <param name="sidecar">The sidecar that may be written for it.</param>
    public static JsonObject Intent(BlockSnapshotRecord record, string sidecar)
    {
        JsonObject intent = Files(record);
        intent["sidecar"] = sidecar;
        return intent;
    }

    /// <summary>The same for a machine that is stopped.</summary>
    public static JsonObject Stopped(BlockSnapshotRecord record, string sidecar)
    {
        JsonObject intent = Intent(record, sidecar);
        intent[Daemon] = true;
        return intent;
    }

    /// <summary>The part of it that is known better once the files are there.</summary>
    public static JsonObject Files(BlockSnapshotRecord record) => new()
    {
        ["disks"] = new JsonArray([.. record.Disks.Select(disk => (JsonNode)new JsonObject
        {
            ["disk"] = disk.Name, ["number"] = disk.Number, ["scratch"] = disk.ScratchPath, ["device"] = disk.ScratchDevice, ["inode"] = disk.ScratchInode,
        })]),
    };

    /// <summary>After a failure, by the journal of the operation itself.</summary>
    public static Task RunAsync(ChangeScope scope, CancellationToken cancellation) =>
        RunAsync(scope.Place, scope.Domain, Journal.Pending(scope.Place.StateDirectory).First(entry => entry.Id == scope.Id), cancellation);

    public static async Task RunAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        BlockSnapshotRecordDisk[] disks = [.. entry.Intent["disks"]!.AsArray().Select(node => Disk(node!.AsObject()))];
        var record = new BlockSnapshotRecord(entry.Id, "", entry.Started, new ServiceOwner(VMServiceOwner.Machine, null, null, null, null), null, null, disks);
        // Its id was known before it was started.
        if (entry.Intent[Daemon] is not null)
            await ServingDaemon.EndUnrecordedAsync(place.RuntimeDirectory, entry.Id, cancellation);
        else if (await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation) is { } machine)
        {
            await using QmpClient qmp = machine;
            try
            {
                // One that its user paused stays so.
                if ((await qmp.QueryNamedBlockNodesAsync(cancellation)).Any(node => node.NodeName == BlockSnapshotNodes.Hold(entry.Id)) && (await qmp.QueryStatusAsync(cancellation)).Status == "paused")
                    await qmp.ContAsync(CancellationToken.None);
                await BlockSnapshotTeardown.RunAsync(place, record, qmp, cancellation);
            }
            catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpConnectionLost && MachineProbe.Find(place, domain).Process is not { IsAlive: true })
            {
                // All that it had went with it.
            }
        }

        foreach (BlockSnapshotRecordDisk disk in disks.Where(disk => disk.ScratchPath is not null))
            ScratchFiles.Remove(disk, entry);
        if (entry.Intent["steps"] is JsonArray steps)
            await CheckpointUndo.RunAsync(place, domain, [.. steps.Select(step => CheckpointStep.FromJson(step!.AsObject()))], entry.Id, cancellation);
        new MomentStore(place.StateDirectory).Segments.Delete([entry.Id, (string)entry.Intent["sidecar"]!]);
    }

    private static BlockSnapshotRecordDisk Disk(JsonObject json) => new(
        (string)json["disk"]!, (int)json["number"]!, "", null, BlockSnapshotRecordDisk.CopyBeforeWrite, 0, (string?)json["scratch"], (ulong)json["device"]!, (ulong)json["inode"]!,
        null, null, null, null, null);
}
