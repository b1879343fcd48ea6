using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Takes back a machine that was being made of a backup: its QEMU is ended, its files are removed, and then the domain is. In this order,
/// so that what is left of it after a crash in the middle is still known.
/// </summary>
internal static class InstantUndo
{
    /// <summary>Where a domain was never finished, it is removed, and that is the error. The domain's lock must be held.</summary>
    /// <exception cref="MomentException"><c>RestoreInterrupted</c>.</exception>
    public static async Task RefuseHalfAsync(EngineContext context, DomainPlace place, IOperationReport report)
    {
        if (!await RemoveHalfAsync(context, place, report))
            return;
        throw InstantErrors.Interrupted(place.Name);
    }

    /// <summary>The same for a name that is to be used again: what an interrupted restore left there is removed.</summary>
    public static async Task ClearAsync(EngineContext context, string name, IOperationReport report, CancellationToken cancellation)
    {
        if (!context.Catalogue.Names().Contains(name, StringComparer.Ordinal) || Half(context.Catalogue.Place(name)) is null)
            return;
        DomainPlace place = context.Catalogue.Place(name);
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Restore-VMBackup", context.LockTimeout, cancellation);
        await RemoveHalfAsync(context, place, report);
    }

    /// <summary>Takes all back that a journal names. Not cancelled: it is what a cancelled operation ends with.</summary>
    public static async Task RunAsync(EngineContext context, DomainPlace place, JournalEntry entry)
    {
        await StorageDaemon.EndOrphansAsync(place.RuntimeDirectory, CancellationToken.None);
        foreach (HostProcess process in Machines(place))
            await MachineStopper.EndAsync(process, CancellationToken.None);
        foreach (JsonNode? file in entry.Intent["files"]!.AsArray())
            await MadeFile.FromJson(file!.AsObject()).RemoveAsync(entry.Started, CancellationToken.None);
        foreach (JsonNode? directory in entry.Intent["directories"]!.AsArray())
            RemoveEmpty((string)directory!);
        context.Catalogue.Remove(place);
    }

    /// <summary>The QEMU of a place, also one that has not written its pid file yet.</summary>
    public static IReadOnlyList<HostProcess> Machines(DomainPlace place)
    {
        string monitor = MachineLauncher.MonitorArgument(place.MonitorPath);
        return [.. HostProcess.All().Where(process => process.CommandLine.Contains(monitor, StringComparer.Ordinal))];
    }

    private static async Task<bool> RemoveHalfAsync(EngineContext context, DomainPlace place, IOperationReport report)
    {
        if (Half(place) is not { } entry)
            return false;
        await RunAsync(context, place, entry);
        report.Warning($"Removed the domain '{place.Name}': the process that was making it of a backup, since {entry.Started.ToLocalTime():yyyy-MM-dd HH:mm}, is gone.");
        return true;
    }

    private static JournalEntry? Half(DomainPlace place) =>
        Journal.Pending(place.StateDirectory).FirstOrDefault(entry => entry.Operation == InstantRestore.Operation);

    private static void RemoveEmpty(string path)
    {
        try
        {
            Directory.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Never made, or somebody put something there since.
        }
    }
}
