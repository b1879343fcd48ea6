using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// After a crash in the middle of a switch of images: nothing was decided, so the guest has not run on the new ones, and the machine is
/// put back on the old. But where it runs on the new ones all the same, because somebody let it go on, the switch is finished: what a
/// guest wrote is never lost.
/// </summary>
internal static class SwitchRecovery
{
    /// <summary>The kind of a switch under the devices of a running machine.</summary>
    public const string Exchange = "exchange";

    /// <summary>The kind of a switch by a new start, or of a machine that is off.</summary>
    public const string Restart = "restart";

    /// <summary>In the intent: the file in which the machine's memory is, once it was saved there.</summary>
    public const string Kept = "kept";

    /// <returns>True where it was finished, false where it was undone.</returns>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        bool forward = (string?)entry.Intent["kind"] switch
        {
            Restart => await RunsOnNewAsync(place, domain, entry, cancellation),
            _ => await ExchangedAsync(place, domain, entry, cancellation),
        };
        // Somebody let it go on, and it has ended since.
        forward = forward || (entry.Intent["commit"] is not null && MachineProbe.Find(place, domain).Monitor is null && await IsWrittenAsync(entry.Intent, cancellation));
        if (forward)
        {
            Journal.Redo(place.StateDirectory, entry.AsIntended());
            return true;
        }

        await ResumeAsync(place, domain, entry, cancellation);
        await RemoveMadeAsync(entry.Intent, entry.Started, cancellation);
        Journal.Remove(entry.Path);
        return false;
    }

    // Its memory had been saved and its QEMU ended: on its old images it goes on from there, as if nothing had happened.
    private static async Task ResumeAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        if ((string?)entry.Intent[Kept] is { } path && MachineProbe.Find(place, domain).Monitor is null)
            await new MachineLauncher(place, domain).StartAsync(paused: !(bool)entry.Intent["ran"]!, new IncomingMemory(place.Name, path), check: null, cancellation);
    }

    private static async Task<bool> IsWrittenAsync(JsonObject intent, CancellationToken cancellation)
    {
        foreach (JsonNode? made in intent["made"]?.AsArray() ?? [])
            if (await MadeFile.FromJson(made!.AsObject()).HoldsDataAsync(cancellation))
                return true;
        return false;
    }

    /// <summary>Unlinks the files that an operation made and that nothing knows yet.</summary>
    public static async Task RemoveMadeAsync(JsonObject intent, DateTimeOffset since, CancellationToken cancellation)
    {
        foreach (JsonNode? made in intent["made"]?.AsArray() ?? [])
            await MadeFile.FromJson(made!.AsObject()).RemoveAsync(since, cancellation);
    }

    private static async Task<bool> ExchangedAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        if (await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation) is not { } line)
            return false;
        await using QmpClient qmp = line;
        await Leftovers.RemoveExportsAsync(qmp, cancellation);
        await new QmpJobs(qmp).ReconcileAsync(MomentIds.BitmapPrefix + entry.Id, cancellation);
        ExchangedDisk[] disks = [.. (entry.Intent["disks"]?.AsArray() ?? []).Select(disk => ExchangedDisk.FromJson(disk!.AsObject()))];
        if (disks.Length > 0)
        {
            HashSet<string> used = [.. (await qmp.QueryBlockAsync(cancellation)).Select(device => device.Inserted?.NodeName).OfType<string>()];
            if (disks.All(disk => used.Contains(disk.NewNode)) && (await qmp.QueryStatusAsync(cancellation)).Running)
                return true;
            await DiskExchange.SetAsync(qmp, disks.Where(disk => used.Contains(disk.NewNode)).Select(disk => (disk, disk.OldNode)));
            // What its guest held in memory may have gone with a reset already: it must not go on with half of it.
        }

        await DiskExchange.CloseNewAsync(qmp, MomentIds.BitmapPrefix + entry.Id);
        return false;
    }

    // A machine that was started with the new images, and still waits: whatever it was to be fed with, nobody feeds it any more.
    private static async Task<bool> RunsOnNewAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        if (await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation) is not { } line)
            return false;
        var wanted = entry.Intent["disks"]!.AsArray().Select(disk => (string)disk!["path"]!).Select(FilePath.Real).ToHashSet(StringComparer.Ordinal);
        var old = domain.Disks.Select(disk => disk.SourcePath).OfType<string>().Select(FilePath.Real).ToHashSet(StringComparer.Ordinal);
        wanted.ExceptWith(old);
        bool running, onOld, ran = (bool)entry.Intent["ran"]!, away;
        await using (QmpClient qmp = line)
        {
            IEnumerable<string> files = (await qmp.QueryBlockAsync(cancellation)).Select(device => device.Inserted).OfType<QmpInserted>().Select(medium => NodeFile.Of(medium.File));
            QmpStatus status = await qmp.QueryStatusAsync(cancellation);
            onOld = !files.Any(file => wanted.Contains(FilePath.Real(file)));
            running = status.Running;
            away = !ran && status.Status == "postmigrate";
            // It was held while its memory was saved.
            if (onOld && ran && status is { Running: false, Status: "paused" or "postmigrate" or "finish-migrate" })
                await qmp.ContAsync(cancellation);
        }

        // One that stands still has given its disks away with its memory: it is started anew with that, or gets them back.
        if (onOld && away && entry.Intent[Kept] is null)
            await GoOnAsync(place, domain, run: false, cancellation);
        if (onOld && !(away && entry.Intent[Kept] is not null))
            return false;
        if (running)
            return true;
        await new MachineStopper(place, domain).StopAsync(force: true, TimeSpan.FromSeconds(60), cancellation);
        return false;
    }

    /// <summary>A machine whose memory was saved, and that is not to be left after all, goes on as it was; no line of this process may hold its monitor.</summary>
    public static async Task GoOnAsync(DomainPlace place, DomainDocument domain, bool run, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [], BlockAccess.Change, cancellation);
        if (session.IsMachine && (await session.Qmp.QueryStatusAsync(cancellation)).Status == "postmigrate")
            await MemorySaving.GoOnAsync(session, run, cancellation);
    }
}
