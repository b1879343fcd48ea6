using MomentTools.Blocks;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>One disk's part in a backup by push: what is stored of it, and the file that QEMU's job writes.</summary>
/// <param name="Decision">What is stored, and on what it stands.</param>
/// <param name="Target">The file.</param>
internal sealed record BackupJob(BackupDecision Decision, BackupTarget Target)
{
    /// <summary>What a comparison with the parent found; null where none was needed.</summary>
    public ExtentMap? Differing { get; init; }

    /// <summary>
    /// Whether the disk is one qcow2 layer that stands on nothing: what it has not allocated reads as zeroes. All of it is then what its top
    /// layer holds, and QEMU need not write zeroes for the rest, which takes time, space and a share of the speed limit on a thin disk.
    /// </summary>
    public bool StandsAlone { get; init; }

    /// <summary>What of the blocks to be stored no bitmap in QEMU holds: they are given it as one.</summary>
    public ExtentMap Saved => Differing ?? Decision.Changes?.Saved ?? ExtentMap.Empty;

    /// <param name="foreign">Whether the QEMU that writes was started by somebody else, maybe as another user.</param>
    public static BackupJob Make(BackupDecision decision, string path, string nodeName, bool foreign) => new(
        decision,
        new BackupTarget(path, nodeName, decision.Disk.VirtualSize, decision.Parent is { } parent ? BackupStaging.BackingName(parent.Id, decision.Disk.Name) : null)
        { ModelPath = foreign ? decision.Disk.Path : null });

    /// <summary>The job that copies, and for an increment the private bitmap that tells it what.</summary>
    /// <param name="incrementBitmap">Its name.</param>
    /// <param name="saved"><see cref="Saved"/> as a bitmap written for this backup; null where that is nothing.</param>
    /// <param name="speedLimit">Bytes a second, or 0.</param>
    /// <param name="compress">Whether clusters are stored compressed.</param>
    public IEnumerable<TransactionAction> Actions(string incrementBitmap, BitmapRef? saved, long speedLimit, bool compress)
    {
        string node = Decision.Disk.NodeName;
        bool increment = Decision.Kind == VMBackupKind.Incremental;
        if (increment)
        {
            yield return TransactionAction.BitmapAdd(node, incrementBitmap, granularity: TrackingProof.Granularity, disabled: true);
            BitmapRef[] sources = [.. (Decision.Changes?.Bitmaps ?? []).Select(name => new BitmapRef(node, name)), .. saved is { } written ? (BitmapRef[])[written] : []];
            // QEMU 7.2 dies of a merge of nothing (a segmentation fault).
            if (sources.Length > 0)
                yield return TransactionAction.BitmapMerge(node, incrementBitmap, sources);
        }

        yield return TransactionAction.BlockdevBackup(
            Target.JobId, node, Target.NodeName, increment ? "bitmap" : StandsAlone ? "top" : "full", increment ? incrementBitmap : null, increment ? "never" : null, speedLimit > 0 ? speedLimit : null, compress);
    }
}
