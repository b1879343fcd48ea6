using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What Test-VMBackup finds beyond what keeps a backup from being restored.</summary>
internal static class BackupCheckErrors
{
    public static readonly ErrorId BackupFileUnknown = new("BackupFileUnknown", ErrorKind.CorruptData);
    public static readonly ErrorId BackupImageUnsound = new("BackupImageUnsound", ErrorKind.CorruptData);
    public static readonly ErrorId BackupManifestWrong = new("BackupManifestWrong", ErrorKind.CorruptData);
    public static readonly ErrorId BackupSourceDiffers = new("BackupSourceDiffers", ErrorKind.CorruptData);
    public static readonly ErrorId BackupSourceUnproven = new("BackupSourceUnproven", ErrorKind.InvalidState);

    public static MomentException Unknown(string path, string what) => new(
        BackupFileUnknown, $"There is {what} at '{path}', which no manifest names: nothing of ours puts anything into a backup that was published.", path,
        "See what it is and who put it there, then move it away: what is removed with the backup is its directory.");

    /// <param name="words">What qemu-img says, in its words.</param>
    public static MomentException Unsound(string path, string words) => new(
        BackupImageUnsound, $"The backup's image '{path}' is byte for byte what it was when it was made, and yet 'qemu-img check' finds it damaged: {words.TrimEnd('.')}.", path,
        "Do not trust what it restores. Make a new backup in full now (Backup-VMDomain -Full), and compare this one with the machine (Test-VMBackup -Source).");

    /// <param name="rule">What does not agree, without a full stop.</param>
    public static MomentException ManifestWrong(string path, string rule) => new(
        BackupManifestWrong, $"The manifest '{path}' has a right checksum and does not agree with its backup: {rule}.", path,
        "Somebody edited it. Get the file back from a copy of the repository.");

    public static MomentException Unproven(string vm, string id, string disk, string why, Exception? inner = null) => new(
        BackupSourceUnproven, $"Disk '{disk}' of the backup '{id}' cannot be compared with '{vm}': {why.TrimEnd('.')}. Nothing is said about it, neither good nor bad.", disk,
        "Compare a backup whose checkpoint is still on the machine: a new one, made with Backup-VMDomain, is.", inner);

    /// <param name="offset">The first byte of the disk that differs.</param>
    /// <param name="bytes">How many bytes lie in pieces that differ.</param>
    /// <param name="places">How many runs those form.</param>
    public static MomentException Differs(string vm, string id, string disk, long offset, long bytes, int places) => new(
        BackupSourceDiffers,
        $"Disk '{disk}' of '{vm}' is not what the backup '{id}' has, at offset {offset} and on {bytes} bytes in {places} {(places == 1 ? "place" : "places")}, although nothing recorded a write there since the backup was made.",
        disk,
        "Either something wrote to the disk behind QEMU's back, or the backup was changed with its hashes. Keep both, see which one is right (restore the disk to a new file and compare), then make a backup in full (Backup-VMDomain -Full).");
}
