using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>The checkpoints that backups made on their machine: they go with them, where the machine is registered here.</summary>
internal sealed class BackupCheckpoints(EngineContext context)
{
    private const string Cmdlet = "Remove-VMBackup";
    private const string Prefix = "backup-";

    /// <summary>
    /// Removes the machine's checkpoints that belong to this repository and whose backups are not there any more, those of earlier commands that were
    /// interrupted as well. Where that cannot be done the backups are gone all the same, and a warning says so. The repository's lock is not held.
    /// </summary>
    /// <param name="root">The repository.</param>
    /// <param name="domainDirectory">The machine's directory in it.</param>
    /// <param name="uuid">The machine.</param>
    /// <param name="report">Told what could not be done.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task RemoveOrphansAsync(string root, string domainDirectory, Guid uuid, IOperationReport report, CancellationToken cancellation)
    {
        if (context.Catalogue.NameOf(uuid) is not { } vm)
            return;
        try
        {
            if (Orphans(new MomentStore(context.Catalogue.Place(vm).StateDirectory).Load(_ => { }), root, domainDirectory).Length == 0)
                return;
            using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
            // No backup is being made while its machine's lock is held: what has no directory now has lost it.
            MomentKey[] orphans = Orphans(scope.State, root, domainDirectory);
            // Looked at last: where the repository's storage went away, no backup in it is there and none is gone.
            if (orphans.Length == 0 || DomainMarker.TryRead(domainDirectory) != uuid)
                return;
            MomentTree tree = scope.State.Tree(out _);
            await CheckpointRemoval.RunAsync(scope, tree, [.. tree.All.Reverse().Select(moment => moment.Key).Where(orphans.Contains)], BitmapScope.Moments, report, cancellation);
            report.Verbose($"Removed the checkpoints of '{vm}' whose backups are removed: {string.Join(", ", orphans.Select(key => key.Name))}.");
        }
        catch (MomentException failure)
        {
            report.Warning($"The backups are removed, but not the checkpoints that they made on '{vm}': {failure.Message} Remove-VMCheckpoint removes them, or the next Remove-VMBackup that removes a backup.");
        }
    }

    private static MomentKey[] Orphans(DomainMoments state, string root, string domainDirectory) =>
    [
        .. state.Moments.Values.Where(moment => moment.Key.Kind == MomentKind.Checkpoint && moment.Repository is { } repository && FilePath.IsSame(repository, root)
            && moment.Key.Name.StartsWith(Prefix, StringComparison.Ordinal) && BackupId.IsValid(moment.Key.Name[Prefix.Length..])
            && !IsThere(Path.Combine(domainDirectory, moment.Key.Name[Prefix.Length..]))).Select(moment => moment.Key),
    ];

    // Who rewrites a backup at this moment may have its directory aside for an instant, where the file system cannot exchange two.
    private static bool IsThere(string directory) => Path.Exists(directory) || Path.Exists(BackupPlaces.Aside(directory)) || Path.Exists(directory);
}
