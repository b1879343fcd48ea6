using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>How a disk is stored, why, and on what it stands: in full, as an increment of what provably changed, or of what a comparison finds.</summary>
/// <param name="Disk">The disk in the session.</param>
/// <param name="Parent">The backup whose file is the backing file, or null: in full.</param>
/// <param name="Changes">The proven bitmaps, and what sidecars hold, that together are what changed since; null for a full one and for a comparison.</param>
/// <param name="Compare">Whether nothing proves what changed, so that the parent's content is compared with the disk's.</param>
/// <param name="Reason">Why it is full, or compared, although an increment was wanted; or null.</param>
internal sealed record BackupDecision(SessionDisk Disk, BackupManifest? Parent, ChangePath? Changes, bool Compare, string? Reason)
{
    public VMBackupKind Kind => Parent is null ? VMBackupKind.Full : VMBackupKind.Incremental;

    /// <summary>
    /// Decides for one disk: an increment on the newest candidate from which every link to now is proven at this moment. Where that is an
    /// older one (the newest one's checkpoint was removed by hand), more is copied, never less. Where it is none, a comparison with the
    /// newest that can be read and has the same size; and without such a one, or where the chain is too long, in full.
    /// </summary>
    /// <param name="wanted">What was asked for.</param>
    /// <param name="candidates">What it may stand on, and all that these need to be read.</param>
    public static BackupDecision Make(
        SessionDisk disk, VMBackupKind wanted, BackupCandidates candidates, DiskTracking tracking, ObservedLayer seen, SegmentFile segments)
    {
        if (wanted is VMBackupKind.Full or VMBackupKind.Copy)
            return new BackupDecision(disk, null, null, false, null);
        string? reason = null;
        BackupManifest? whole = null;
        foreach (BackupManifest backup in candidates.For(disk.Name))
        {
            if (Unusable(disk, backup, candidates.All) is { } unusable)
            {
                reason ??= unusable;
                continue;
            }

            if (BackupChain.Resolve(candidates.All, backup, disk.Name).Links.Count >= ChainOpener.MaximumDepth)
            {
                reason ??= $"its chain has {ChainOpener.MaximumDepth} files already, and QEMU takes ever longer to open a longer one: Merge-VMBackup makes it shorter";
                break;
            }

            if (Doubt(disk, backup, tracking, seen, segments, out ChangePath? changes) is not { } doubt)
                return new BackupDecision(disk, backup, changes, false, null);
            reason ??= doubt;
            whole ??= backup;
        }

        if (whole is not null)
            return new BackupDecision(disk, whole, null, true, reason);
        return wanted == VMBackupKind.Incremental ? throw Unproven(disk, reason ?? candidates.None) : new BackupDecision(disk, null, null, false, reason ?? candidates.None);
    }

    /// <summary>The refusal of an increment that would have to be stored in full.</summary>
    public static MomentException Unproven(SessionDisk disk, string reason) => new(
        OperationErrors.BackupChainUnproven, $"Cannot back up disk '{disk.Name}' as an increment: {reason}.", disk.Name, "Leave out -Incremental: the disk is then backed up in full, the others as increments.");

    // Why nothing can stand on a backup's file at all.
    private static string? Unusable(SessionDisk disk, BackupManifest backup, IReadOnlyList<BackupManifest> backups)
    {
        long size = backup.FindDisk(disk.Name)!.VirtualSize;
        if (size != disk.VirtualSize)
            return $"its size changed from {size} to {disk.VirtualSize} bytes since the last backup";
        try
        {
            string? missing = BackupChain.Resolve(backups, backup, disk.Name).Links.Select(link => link.Path).FirstOrDefault(path => !File.Exists(path));
            return missing is null ? null : $"the file '{missing}' of an earlier backup is missing";
        }
        catch (MomentException failure)
        {
            return $"the earlier backups do not form a chain ({failure.Message})";
        }
    }

    // Why it is not known what changed since.
    private static string? Doubt(
        SessionDisk disk, BackupManifest backup, DiskTracking tracking, ObservedLayer seen, SegmentFile segments, out ChangePath? changes)
    {
        changes = null;
        if (disk.Format != "qcow2")
            return $"changes of a {disk.Format} disk cannot be tracked";
        if (backup.FindDisk(disk.Name)!.PointId is not { } point || tracking.Points.GetValueOrDefault(point)?.Moment is not { } moment)
            return "the checkpoint of the last backup is not there any more";
        // A machine that was put back, or copied, with its record takes its next moment at the same point once more, with another content.
        if (moment != new MomentKey(MomentKind.Checkpoint, backup.Checkpoint ?? ""))
            return $"the backup '{backup.Id}' was made of another copy of the machine, or of a state that it was put back behind";
        try
        {
            changes = ChangePath.SinceMoment(tracking, moment, seen, segments);
            return changes.Doubt ?? (changes.Frozen.Count > 0 ? "a part of what changed lies on a layer beneath the active one" : null);
        }
        catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            return failure.Message.TrimEnd('.');
        }
    }
}
