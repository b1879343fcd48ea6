using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Snapshots;

/// <summary>Failures of making snapshots.</summary>
internal static class SnapshotCreationErrors
{
    public static readonly ErrorId OverlayImpossible = new("OverlayImpossible", ErrorKind.Refused);
    public static readonly ErrorId MemoryNotSaved = new("MemoryNotSaved", ErrorKind.Refused);
    public static readonly ErrorId MigrationActive = new("MigrationActive", ErrorKind.Busy);
    public static readonly ErrorId SnapshotOptionsExclusive = new("SnapshotOptionsExclusive", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotPathInvalid = new("SnapshotPathInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotMemoryImpossible = new("SnapshotMemoryImpossible", ErrorKind.InvalidState);
    public static readonly ErrorId SnapshotTagExists = new("SnapshotTagExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId ReuseUnsuitable = new("ReuseUnsuitable", ErrorKind.InvalidArgument);
    public static readonly ErrorId ChainTooLong = new("ChainTooLong", ErrorKind.InvalidState);
    public static readonly ErrorId DiskInJob = new("DiskInJob", ErrorKind.Busy);

    private const string Full = "No space left on device", Denied = "Permission denied";

    /// <summary>QEMU could not make or open a new layer; why, it says in words only.</summary>
    public static MomentException OverlayFailed(string path, MomentException failure)
    {
        (ErrorId id, string advice) = failure.Message switch
        {
            var words when words.Contains(Full, StringComparison.Ordinal) => (FileErrors.StorageFull, "Free some space, or put the new layer elsewhere, then run the command again: nothing was changed."),
            var words when words.Contains(Denied, StringComparison.Ordinal) => (FileErrors.StorageAccessDenied, "QEMU runs as another user, or is confined: put the new layer where it may write."),
            _ => (OverlayImpossible, "Look at the storage of this file. Nothing was changed."),
        };
        return new MomentException(id, $"Cannot make the new layer '{path}': {failure.Message}", path, advice, failure) { PeerErrorClass = failure.PeerErrorClass };
    }

    public static MomentException ChainFull(string path, string backing, int most) => new(
        ChainTooLong, $"Cannot make the new layer '{path}': '{backing}' stands on {most} images or more, and a longer chain is not opened.", path,
        "Nothing was changed. Take layers away first: Remove-VMSnapshot and Merge-VMSnapshot merge what lies between.");

    public static MomentException Migrating(string qemu, string status) => new(
        MigrationActive, $"Cannot save the memory of the machine at {qemu}: a migration is under way ({status}).", qemu, "Wait for its end, or cancel it: Invoke-VMQmpCommand migrate_cancel.");

    public static MomentException MemoryFailed(string path, string why, Exception? inner = null) => new(
        MemoryNotSaved, $"Cannot save the machine's memory to '{path}': {why}", path, "The machine goes on as before. Look at its log and at the storage of the file.", inner)
    {
        PeerErrorClass = (inner as MomentException)?.PeerErrorClass,
    };

    public static MomentException OverlayOfNothing(string disk, string path) => new(
        SnapshotOptionsExclusive, $"Cannot use '{path}' (-Overlay for disk '{disk}'): the disk takes no part in the snapshot.", disk, "Name the disk with -Disk as well, or leave its file out.");

    public static MomentException ReuseWithoutFile(string disk) => new(
        SnapshotPathInvalid, $"Cannot use -ReuseExternal for disk '{disk}': the file that it shall take is not given.", disk, $"Name it: -Overlay @{{ {disk} = '/path/to/layer.qcow2' }}.");

    public static MomentException NoNameBesideDevice(string disk, string path) => new(
        SnapshotPathInvalid, $"Cannot take an external snapshot of disk '{disk}': it lies on the block device '{path}', beside which no file can be.", disk, $"Say where its new layer shall be: -Overlay @{{ {disk} = '/path/to/layer.qcow2' }}.");

    public static MomentException NoMemoryPath(string vm) => new(
        SnapshotPathInvalid, $"Cannot save the memory of '{vm}': none of the snapshot's disks lies in a directory that could take it.", vm, "Say where it shall be with -MemoryPath, or leave it out with -DiskOnly.");

    public static MomentException NoMemory(string vm, string state) => new(
        SnapshotMemoryImpossible, $"Cannot save the memory of '{vm}': {state}.", vm, "Leave out -Memory, -MemoryPath and -Live, or start the machine first.");

    /// <param name="vm">The machine.</param>
    /// <param name="disk">One of its disks.</param>
    /// <param name="user">Who uses it, and the command that ends that.</param>
    public static MomentException MemoryHeld(string vm, string disk, (string Words, string Command) user) => new(
        SnapshotMemoryImpossible, $"Cannot save the memory of '{vm}' to a file: disk '{disk}' is in use by {user.Words}, and QEMU saves no memory then.", disk,
        $"Leave the memory out with -DiskOnly, or end it first: {user.Command}. Nothing was changed.");

    public static MomentException SavedAlready(string vm) => new(
        SnapshotMemoryImpossible, $"Cannot save the memory of '{vm}' to a file: it stood still when it was saved last and has not run since, and then QEMU does not save it again.", vm,
        "The memory is what it was in that snapshot. Leave it out with -DiskOnly, take an -Internal snapshot, or let the machine run for a moment.");

    public static MomentException TagExists(string name, string disk, string path) => new(
        SnapshotTagExists, $"Cannot take internal snapshot '{name}': the image of disk '{disk}' ('{path}') already holds one of that name.", disk,
        "Choose another name. Get-VMSnapshot -NoMetadata lists the internal snapshots that nothing names.");

    public static MomentException InJob(string vm, string disk, string job, string type) => new(
        DiskInJob, $"Cannot take a snapshot of '{vm}': disk '{disk}' is in use by the job '{job}' ({type}).", disk,
        $"Wait for the job's end, or cancel it: Invoke-VMQmpCommand '{vm}' job-cancel @{{ id = '{job}' }}. Nothing was changed.");
}
