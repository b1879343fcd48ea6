using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;

namespace MomentTools.Operations;

/// <summary>
/// Unregister-VMDomain. First all moments go, in one transaction with all bitmaps and marks of ours; then the directory, in one step. A crash
/// between leaves a domain without moments whose images are clean.
/// </summary>
internal sealed class DomainRemoval(EngineContext context)
{
    private const string Operation = "domain-unregister";

    public async Task RunAsync(string vm, UnregisterDomainRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request is { KeepBitmaps: true, RemoveMetadata: false })
            throw new MomentException(OperationErrors.KeepBitmapsAlone, $"Cannot unregister '{vm}': -KeepBitmaps says what to do with the moments' bitmaps, and without -RemoveMetadata no moment goes.", vm, "Add -RemoveMetadata, or leave -KeepBitmaps out.");
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Unregister-VMDomain", recover: !request.KeepBitmaps, report, cancellation, anyway: request.KeepBitmaps);
        if (MachineProbe.ProcessOf(scope.Place) is { } process)
            throw new MomentException(MachineErrors.VMRunning, $"Cannot unregister domain '{vm}': it runs, as process {process.Id}.", vm, "Stop it first.");
        ServedDisks served = ServedDisks.Of(scope.Place);
        served.Refuse(served.Names, $"unregister domain '{vm}'");
        // A moment whose file is broken is one all the same: it may be repaired by hand.
        int unread = scope.Store.Keys().Count(key => !scope.State.Moments.ContainsKey(key));
        int branches = scope.State.BranchNames.Concat(scope.State.BrokenBranches).Count(branch => branch != scope.State.ActiveBranch && !Branch.IsHiddenName(branch));
        if (!request.RemoveMetadata && scope.State.Moments.Count + unread + branches > 0)
            throw HasMoments(vm, scope.State, unread, branches);
        if (scope.State.Disks.Count > 0 && !request.KeepBitmaps)
        {
            TellLost(vm, scope, report);
            await CheckpointRemoval.RunAsync(scope, scope.State.Tree(out _), [.. scope.State.Moments.Keys], BitmapScope.All, report, cancellation);
        }

        context.Probe?.Invoke($"{Operation}:remove");
        context.Catalogue.Remove(scope.Place);
        context.Probe?.Invoke($"{Operation}:end");
    }

    private static MomentException HasMoments(string vm, DomainMoments state, int unread, int branches)
    {
        string[] counts =
        [
            .. state.Moments.Keys.GroupBy(key => key.Kind).OrderBy(kind => kind.Key).Select(kind => $"{kind.Count()} {kind.Key.ToString().ToLowerInvariant()}{(kind.Count() == 1 ? "" : "s")}"),
            .. unread > 0 ? [$"{unread} that cannot be read"] : (string[])[],
            .. branches > 0 ? [$"{branches} other branch{(branches == 1 ? "" : "es")}"] : (string[])[],
        ];
        int count = state.Moments.Count + unread;
        return new MomentException(
            OperationErrors.DomainHasMoments, $"Cannot unregister '{vm}': it has {count} moment{(count == 1 ? "" : "s")}{(branches > 0 ? " and other branches" : "")} ({string.Join(", ", counts)}), which would be lost.", vm,
            "Remove them first, or use -RemoveMetadata, which removes them and their bitmaps.");
    }

    // What is on an image that the domain no longer has is out of reach.
    private static void TellLost(string vm, ChangeScope scope, IOperationReport report)
    {
        foreach (DiskTracking disk in scope.State.Disks.Values.Where(disk => disk.ActiveTip is not null && scope.Domain.FindDisk(disk.Disk) is null))
            report.Warning($"Disk '{disk.Disk}' is no longer one of '{vm}': the bitmaps in its image '{disk.Layers[disk.ActiveTip!.LayerId].Path}' stay there. 'qemu-img bitmap --remove' removes them.");
        string[] left = [.. scope.State.Disks.Values.SelectMany(disk => disk.Layers.Values.Where(layer => layer.Made && LayerDrift.Recorded(disk).All(read => read.Id != layer.Id)))
            .Select(layer => layer.Path).Where(File.Exists).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (left.Length > 0)
            report.Warning($"The images of other branches of '{vm}' stay where they are, and nobody knows them any more: {string.Join(", ", left.Select(path => $"'{path}'"))}.");
    }
}
