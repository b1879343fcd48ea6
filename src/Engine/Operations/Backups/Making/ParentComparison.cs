using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// Where nothing proves what changed on a disk: its content is compared with that of the backup it is to stand on, and what differs is what
/// is stored. Both stand still meanwhile.
/// </summary>
internal static class ParentComparison
{
    /// <summary>Compares the disks for which that was decided.</summary>
    /// <param name="work">The backup.</param>
    /// <param name="open">Opens a disk's content; who gave it closes it.</param>
    /// <param name="report">Is told how far it is.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>By disk the blocks that differ, and the decisions: a parent that cannot be read is no parent, and its disk is stored in full.</returns>
    public static async Task<(IReadOnlyDictionary<string, ExtentMap> Differing, IReadOnlyList<BackupDecision> Decisions)> RunAsync(
        BackupWork work, Func<BackupDecision, Task<IBlockReader>> open, IOperationReport report, CancellationToken cancellation)
    {
        Dictionary<string, ExtentMap> differing = new(StringComparer.Ordinal);
        BackupDecision[] decisions = [.. work.Decisions];
        var progress = new ByteProgress(report, $"Backing up {work.Vm}", decisions.Where(decision => decision.Compare).Sum(decision => decision.Disk.VirtualSize));
        for (int index = 0; index < decisions.Length; index++)
        {
            if (!decisions[index].Compare)
                continue;
            (BackupDecision decision, string disk) = (decisions[index], decisions[index].Disk.Name);
            IBlockReader content = await open(decision);
            try
            {
                await using Qcow2Chain parent = await BackupChain.Resolve(work.Backups, decision.Parent!, disk).OpenAsync(cancellation);
                differing[disk] = await new BlockComparison(parent, content, TrackingProof.Granularity).RunAsync(progress.Total($"{disk}: comparing with {decision.Parent!.Id}"), cancellation);
            }
            catch (MomentException failure) when (IsOfFiles(failure) && work.Request.Kind != VMBackupKind.Incremental)
            {
                decisions[index] = new BackupDecision(decision.Disk, null, null, false, $"{decision.Reason}, and the backup it should stand on cannot be read ({failure.Message.TrimEnd('.')})");
                report.Warning($"Disk '{disk}' of '{work.Vm}' is backed up in full: the backup '{decision.Parent!.Id}' cannot be read. {failure.Message}");
            }
        }

        return (differing, decisions);
    }

    // The disk is read over NBD and fails otherwise.
    private static bool IsOfFiles(MomentException failure) =>
        failure.Kind == ErrorKind.CorruptData || failure.ErrorId == FileErrors.StorageFailed || failure.ErrorId == FileErrors.StorageAccessDenied || failure.ErrorId == FileErrors.FileMissing;
}
