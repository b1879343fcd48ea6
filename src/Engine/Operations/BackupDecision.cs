using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;

namespace MomentTools.Operations;

/// <summary>Whether a disk is stored in full or as an increment, why, and on what the increment stands.</summary>
/// <param name="Disk">The disk in the session.</param>
/// <param name="Parent">The backup whose file is the backing file, or null: in full.</param>
/// <param name="Bitmaps">The proven bitmaps that together hold what changed since; empty for a full one.</param>
/// <param name="Reason">Why it is full although an increment was wanted, or null.</param>
internal sealed record BackupDecision(SessionDisk Disk, BackupManifest? Parent, IReadOnlyList<string> Bitmaps, string? Reason)
{
    public VMBackupKind Kind => Parent is null ? VMBackupKind.Full : VMBackupKind.Incremental;

    /// <summary>Decides for one disk; an increment only where every link from the last backup to now is proven at this moment.</summary>
    public static BackupDecision Make(
        SessionDisk disk, VMBackupKind wanted, IReadOnlyList<BackupManifest> backups, DiskTracking tracking, ObservedLayer seen, SegmentFile segments)
    {
        if (wanted == VMBackupKind.Full)
            return new BackupDecision(disk, null, [], null);
        BackupManifest? last = backups.LastOrDefault(backup => backup.FindDisk(disk.Name) is not null);
        string? reason = Doubt(disk, last, backups, tracking, seen, segments, out IReadOnlyList<string> bitmaps);
        if (reason is null)
            return new BackupDecision(disk, last, bitmaps, null);
        if (wanted == VMBackupKind.Incremental)
            throw new MomentException(OperationErrors.BackupChainUnproven, $"Cannot back up disk '{disk.Name}' as an increment: {reason}.", disk.Name, "Leave out -Incremental: the disk is then backed up in full, the others as increments.");
        return new BackupDecision(disk, null, [], reason);
    }

    private static string? Doubt(
        SessionDisk disk, BackupManifest? last, IReadOnlyList<BackupManifest> backups, DiskTracking tracking, ObservedLayer seen, SegmentFile segments, out IReadOnlyList<string> bitmaps)
    {
        bitmaps = [];
        if (last is null)
            return "the repository has no backup of it yet";
        if (disk.Format != "qcow2")
            return $"changes of a {disk.Format} disk cannot be tracked";
        BackupManifestDisk entry = last.FindDisk(disk.Name)!;
        if (entry.VirtualSize != disk.VirtualSize)
            return $"its size changed from {entry.VirtualSize} to {disk.VirtualSize} bytes since the last backup";
        if (BrokenChain(backups, last, disk.Name) is { } broken)
            return broken;
        if (tracking.Points.GetValueOrDefault(entry.PointId)?.Moment is not { } moment)
            return "the checkpoint of the last backup is not there any more";
        ChangePath path = ChangePath.SinceMoment(tracking, moment, seen, segments);
        if (path.Doubt is not null)
            return path.Doubt;
        if (path.Saved.Count > 0)
            return "a part of what changed is known from a saved copy only, or the disk was resized meanwhile";
        bitmaps = path.Bitmaps;
        return null;
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
