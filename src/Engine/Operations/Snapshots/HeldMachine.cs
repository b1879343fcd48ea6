using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// A machine that stands still while its disks are switched, noted beside the operation: whatever becomes of this process, the next
/// changing command lets it go on, and closes the images that nothing uses any more.
/// </summary>
internal static class HeldMachine
{
    public const string Operation = "machine-hold";

    /// <param name="scope">The machine.</param>
    /// <param name="run">Whether it is to run in the end.</param>
    /// <param name="disks">What was exchanged.</param>
    public static Journal Begin(ChangeScope scope, bool run, IEnumerable<ExchangedDisk> disks) => scope.BeginBeside(
        Operation, new JsonObject { ["run"] = run, ["disks"] = new JsonArray([.. disks.Select(disk => (JsonNode)disk.ToJson())]) });

    /// <summary>After the death of the process that held it, and after its operation was finished or undone.</summary>
    public static async Task ReleaseAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        // A machine that has ended since needs nothing; one that lives and does not answer keeps the note.
        await using QmpClient? machine = await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation);
        if (machine is not null)
        {
            if ((bool)entry.Intent["run"]! && (await machine.QueryStatusAsync(cancellation)).Status is "paused" or "prelaunch")
                await machine.ContAsync(cancellation);
            // What the operation's end left in use is refused, and stays.
            await DiskExchange.CloseOldAsync(machine, entry.Intent["disks"]!.AsArray().Select(disk => ExchangedDisk.FromJson(disk!.AsObject())));
        }

        Journal.Remove(entry.Path);
    }
}
