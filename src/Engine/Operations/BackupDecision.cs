using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;

namespace MomentTools.Operations;

/// <summary>Whether a disk is stored in full or as an increment, why, and on what the increment stands.</summary>
/// <param name="Disk">The disk in the session.</param>
/// <param name="Parent">The backup whose file is the backing file, or null: in full.</param>
/// <param name="Changes">The proven bitmaps, and what sidecars hold, that together are what changed since; null for a full one.</param>
/// <param name="Reason">Why it is full although an increment was wanted, or null.</param>
internal sealed record BackupDecision(SessionDisk Disk, BackupManifest? Parent, ChangePath? Changes, string? Reason)
{
    public VMBackupKind Kind => Parent is null ? VMBackupKind.Full : VMBackupKind.Incremental;

    /// <summary>
    /// Decides for one disk: an increment on the newest backup from which every link to now is proven at this moment. Where that is an
    /// older one (the newest one's checkpoint was removed by hand), more is copied, never less.
    /// </summary>
    public static BackupDecision Make(
        SessionDisk disk, VMBackupKind wanted, IReadOnlyList<BackupManifest> backups, DiskTracking tracking, ObservedLayer seen, SegmentFile segments)
    {
        if (wanted == VMBackupKind.Full)
            return new BackupDecision(disk, null, null, null);
        string? reason = null;
        foreach (BackupManifest backup in backups.Reverse().Where(backup => backup.FindDisk(disk.Name) is not null))
        {
            string? doubt = Doubt(disk, backup, backups, tracking, seen, segments, out ChangePath? changes);
            if (doubt is null)
                return new BackupDecision(disk, backup, changes, null);
            reason ??= doubt;
        }

        reason ??= "the repository has no backup of it yet";
        if (wanted == VMBackupKind.Incremental)
            throw new MomentException(OperationErrors.BackupChainUnproven, $"Cannot back up disk '{disk.Name}' as an increment: {reason}.", disk.Name, "Leave out -Incremental: the disk is then backed up in full, the others as increments.");
        return new BackupDecision(disk, null, null, reason);
    }

    private static string? Doubt(
        SessionDisk disk, BackupManifest last, IReadOnlyList<BackupManifest> backups, DiskTracking tracking, ObservedLayer seen, SegmentFile segments, out ChangePath? changes)
    {
        changes = null;
        if (disk.Format != "qcow2")
            return $"changes of a {disk.Format} disk cannot be tracked";
        BackupManifestDisk entry = last.FindDisk(disk.Name)!;
        if (entry.VirtualSize != disk.VirtualSize)
            return $"its size changed from {entry.VirtualSize} to {disk.VirtualSize} bytes since the last backup";
        if (BrokenChain(backups, last, disk.Name) is { } broken)
            return broken;
        if (tracking.Points.GetValueOrDefault(entry.PointId)?.Moment is not { } moment)
            return "the checkpoint of the last backup is not there any more";
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

    private static string? BrokenChain(IReadOnlyList<BackupManifest> backups, BackupManifest last, string disk)
    {
        try
        {
            string? missing = BackupChain.Resolve(backups, last, disk).Links.Select(link => link.Path).FirstOrDefault(path => !File.Exists(path));
            return missing is null ? null : $"the file '{missing}' of an earlier backup is missing";
        }
        catch (MomentException failure)
        {
            return $"the earlier backups do not form a chain ({failure.Message})";
        }
    }
}
