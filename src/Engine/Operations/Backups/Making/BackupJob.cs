using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>One disk's part in a backup by push: what is stored of it, and the file that QEMU's job writes.</summary>
/// <param name="Decision">What is stored, and on what it stands.</param>
/// <param name="Target">The file.</param>
internal sealed record BackupJob(BackupDecision Decision, BackupTarget Target)
{
    public static BackupJob Make(BackupDecision decision, string path, string nodeName) => new(
        decision, new BackupTarget(path, nodeName, decision.Disk.VirtualSize, decision.Parent is { } parent ? BackupStaging.BackingName(parent.Id, decision.Disk.Name) : null));

    /// <summary>The job that copies, and for an increment the private bitmap that tells it what.</summary>
    /// <param name="saved">What is known from sidecars, as a bitmap written for this backup; null where bitmaps hold it all.</param>
    public IEnumerable<TransactionAction> Actions(string incrementBitmap, BitmapRef? saved, long speedLimit, bool compress)
    {
        string node = Decision.Disk.NodeName;
        bool increment = Decision.Kind == VMBackupKind.Incremental;
        if (increment)
        {
            yield return TransactionAction.BitmapAdd(node, incrementBitmap, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(node, incrementBitmap, 
                Decision.Changes!.Bitmaps.Select(name => new BitmapRef(node, name)).Concat(saved is { } written ? [written] : []));
        }

        yield return TransactionAction.BlockdevBackup(
            Target.JobId, node, Target.NodeName, increment ? "bitmap" : "full", increment ? incrementBitmap : null, increment ? "never" : null, speedLimit > 0 ? speedLimit : null, compress);
    }
}
