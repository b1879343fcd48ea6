namespace MomentTools.Tests.Operations;

/// <summary>What random stories did and how well it was answered.</summary>
internal sealed class StoryCounts
{
    public int Sequences { get; set; }

    public int Operations { get; set; }

    /// <summary>Answers held against the oracle: one a disk, for each moment and now, and for each two moments, after each operation.</summary>
    public int Pairs { get; set; }

    /// <summary>Those of them between two moments.</summary>
    public int MomentPairs { get; set; }

    /// <summary>Answers equal to what was written.</summary>
    public int Exact { get; set; }

    /// <summary>Answers that must only be large enough: a resize, a crash or a copy lies between.</summary>
    public int Superset { get; set; }

    /// <summary>Answers "unknown", where a crash or a copy lies between.</summary>
    public int Unknown { get; set; }

    /// <summary>Pairs for which a comparison of all disks was due.</summary>
    public int Compared { get; set; }

    public int BlockSnapshots { get; set; }

    public int BlockExports { get; set; }

    /// <summary>Exports read whole by a foreign client, and compared byte for byte.</summary>
    public int ExportsRead { get; set; }

    public int Backups { get; set; }

    public int Increments { get; set; }

    /// <summary>Disks that were compared with a backup, because it was not known what changed.</summary>
    public int Comparisons { get; set; }

    public int Copies { get; set; }

    public int Pulls { get; set; }

    public int BackupsRemoved { get; set; }

    public int BackupsFolded { get; set; }

    public int RestoredInPlace { get; set; }

    /// <summary>Disks read back out of backups and compared byte for byte.</summary>
    public int Restored { get; set; }

    public int Kills { get; set; }

    /// <summary>Kills that took with them what the guest had not flushed.</summary>
    public int LossyKills { get; set; }

    public int Cancelled { get; set; }

    public int Resizes { get; set; }

    public int Removals { get; set; }

    /// <summary>Writes of somebody else to an image beneath a disk.</summary>
    public int WritesBeneath { get; set; }

    public int Snapshots { get; set; }

    public int SnapshotRestores { get; set; }

    /// <summary>Branches begun, and branches returned to.</summary>
    public int Branches { get; set; }

    public int Switches { get; set; }

    /// <summary>Snapshots merged, or removed together with their layers.</summary>
    public int Merges { get; set; }

    public int Undone { get; set; }

    /// <summary>Operations that were refused with a reason, and changed nothing.</summary>
    public int Refused { get; set; }

    /// <summary>Snapshots and left branches read back out of their layers, one a disk, after each operation.</summary>
    public int StatesRead { get; set; }

    public override string ToString() =>
        $"{Sequences} sequences, {Operations} operations, {Pairs} pairs checked ({MomentPairs} of two moments): {Exact} exact, {Superset} superset, {Unknown} unknown; "
        + $"{Backups} backups ({Increments} with increments, {Comparisons} disks compared, {Copies} copies, {Pulls} by pull), {BackupsRemoved} removed, {BackupsFolded} folded, {RestoredInPlace} restored in place, {Restored} restored disks compared; {Kills} kills ({LossyKills} lost data); {Cancelled} operations cancelled; {Resizes} resizes; {Removals} moments removed; {WritesBeneath} writes beneath a disk; "
        + $"{Snapshots} snapshots, {SnapshotRestores} restored, {Branches} branches, {Switches} switches, {Merges} merges, {Undone} undone, {Refused} refused; {StatesRead} snapshots and branches read back; "
        + $"{BlockSnapshots} block snapshots, {BlockExports} block exports, {ExportsRead} times read";
}
