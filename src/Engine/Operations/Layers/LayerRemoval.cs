using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Removes the file of a layer that nothing needs and nothing stands on. It gets another name first; only when nobody is found to miss it under
/// that name does it go. Steps: intent, with the file's device and inode; the other name; the look; the end of the file; metadata. Whatever
/// dies, the next command finishes, or gives the name back.
/// </summary>
internal sealed class LayerRemoval(ChangeScope scope, string disk, Dependencies dependencies, IOperationReport report)
{
    public const string Operation = "layer-unlink";

    private const string AsideExtension = ".mt-removed";

    /// <summary>Removes the file and forgets the layer.</summary>
    /// <returns>The bytes that the file had; null where it had to stay, which is told.</returns>
    public async Task<long?> RunAsync(TrackingLayer layer, CancellationToken cancellation)
    {
        DiskTracking tracking = (await new SidecarRescue(scope, disk, null).RunAsync(scope.State.Disk(disk), layer, cancellation)).Tracking;
        DomainMoments next = scope.State.With(tracking.Forgotten(layer.Id));
        FileStamp? stamp = FileStamp.Of(layer.Path);
        if (stamp is null || layer.Facts is not { } facts || facts.Inode != stamp.Inode)
        {
            // What was put in its place is somebody else's.
            if (stamp is not null)
                report.Warning($"The file '{layer.Path}' of disk '{disk}' is not the one that MomentTools made: another one lies in its place. It stays.");
            Forget(next);
            return null;
        }

        string aside = layer.Path + AsideExtension;
        var intent = new JsonObject
        {
            ["path"] = layer.Path,
            ["aside"] = aside,
            ["inode"] = stamp.Inode,
            ["device"] = stamp.Device,
            ["commit"] = scope.ChangesTo(next).ToJson(),
        };
        using Journal journal = scope.Begin(Operation, intent, next);
        try
        {
            DurableFile.Move(layer.Path, aside);
            journal.Pass("aside");
            if (await StillNeededAsync(layer.Path, aside, cancellation) is { } reason)
            {
                DurableFile.Move(aside, layer.Path);
                journal.End();
                report.Warning($"The layer '{layer.Path}' of disk '{disk}' stays: {reason}.");
                return null;
            }

            DurableFile.Delete(aside);
            journal.Pass("unlinked");
        }
        catch (Exception failure) when (failure is MomentException or OperationCanceledException)
        {
            if (File.Exists(aside) && !File.Exists(layer.Path))
                DurableFile.Move(aside, layer.Path);
            journal.End();
            if (failure is OperationCanceledException)
                throw;
            throw new MomentException(
                LayerErrors.LayerRemovalFailed, $"Cannot remove the layer '{layer.Path}' of disk '{disk}': {failure.Message}", layer.Path,
                "Nothing needs it any more. Set its directory right, then run Remove-VMSnapshot -Kept, which tries again.", failure);
        }

        scope.Commit(journal, next);
        return stamp.Length;
    }

    /// <summary>Forgets a layer whose file is not ours, or is gone; the file stays.</summary>
    public async Task ForgetAsync(TrackingLayer layer, CancellationToken cancellation)
    {
        DiskTracking tracking = (await new SidecarRescue(scope, disk, null).RunAsync(scope.State.Disk(disk), layer, cancellation)).Tracking;
        Forget(scope.State.With(tracking.Forgotten(layer.Id)));
    }

    /// <summary>After a crash: what bore the other name, or still bears its own and is the same file, goes.</summary>
    public static bool Resolve(string stateDirectory, JournalEntry entry)
    {
        string path = (string)entry.Intent["path"]!, aside = (string)entry.Intent["aside"]!;
        // Not looked at again: the next run of the collector does, so until then it has its name.
        if (IsSame(aside, entry.Intent) && !File.Exists(path))
            DurableFile.Move(aside, path);
        if (File.Exists(path))
        {
            Journal.Remove(entry.Path);
            return false;
        }

        Journal.Redo(stateDirectory, entry.AsIntended());
        return true;
    }

    private static bool IsSame(string path, JsonObject intent) => FileStamp.Of(path) is { } stamp && stamp.Inode == (ulong)intent["inode"]!;

    // Asked by its own name, for that is what headers have; the file is found under the other one.
    private async Task<string?> StillNeededAsync(string path, string aside, CancellationToken cancellation)
    {
        ImageGraph graph = await dependencies.ScanAsync(scope.State, cancellation);
        if (graph.Links.FirstOrDefault(link => link.Path != aside && link.Below.Contains(path, StringComparer.Ordinal)) is { } above)
            return $"'{above.Path}' stands on it";
        return ImageHolders.Of(aside) is [string holder, ..] ? $"{holder} has it open" : null;
    }

    private void Forget(DomainMoments next)
    {
        using Journal journal = scope.Begin(LayerThaw.Operation, new JsonObject(), next);
        scope.Commit(journal, next);
    }
}
