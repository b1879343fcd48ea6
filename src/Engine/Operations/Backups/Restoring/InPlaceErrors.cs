using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Why a backup is not restored onto a machine's own disks.</summary>
internal static class InPlaceErrors
{
    public static readonly ErrorId RestoreMachineUnknown = new("RestoreMachineUnknown", ErrorKind.NotFound);
    public static readonly ErrorId RestoreDiskMissing = new("RestoreDiskMissing", ErrorKind.NotFound);
    public static readonly ErrorId RestoreDiskReadOnly = new("RestoreDiskReadOnly", ErrorKind.InvalidState);
    public static readonly ErrorId RestoreSizeDiffers = new("RestoreSizeDiffers", ErrorKind.InvalidState);
    public static readonly ErrorId RestoreImageShared = new("RestoreImageShared", ErrorKind.InvalidState);
    public static readonly ErrorId RestoreUnfinished = new("RestoreUnfinished", ErrorKind.Storage);
    public static readonly ErrorId RestoreRedoLost = new("RestoreRedoLost", ErrorKind.CorruptData);

    // ENOSPC, and what the C library calls it.
    private const int NoSpace = 28;
    private const string NoSpaceText = "No space left on device";

    public static MomentException Running(string vm, BackupManifest backup, HostProcess? process) => new(
        MachineErrors.VMRunning, $"Cannot restore the backup '{backup.Id}' onto the disks of '{vm}': the machine runs{(process is null ? "" : $", as process {process.Id}")}.", vm,
        "Stop it first (Stop-VMDomain), or restore to new files (-Destination) or as a machine of its own (-AsDomain with -Destination).");

    public static MomentException MachineUnknown(BackupManifest backup, string? registered) => new(
        RestoreMachineUnknown,
        $"Cannot restore the backup '{backup.Id}' in place: it is one of the machine '{backup.Vm}' with the UUID {backup.Uuid:D}, {(registered is null ? "which is not registered" : $"and the machine '{registered}' is another one")}.", backup.Vm,
        "Restore it to new files (-Destination), or as a machine of its own (-AsDomain with -Destination).");

    public static MomentException DiskMissing(string vm, BackupManifest backup, string disk) => new(
        RestoreDiskMissing, $"Cannot restore the backup '{backup.Id}' in place: '{vm}' has no disk '{disk}' any more.", disk,
        "Choose the disks with -Disk, or restore this one to a new file (-Destination).");

    public static MomentException ReadOnly(string vm, string disk) => new(
        RestoreDiskReadOnly, $"Cannot restore disk '{disk}' of '{vm}' in place: it is read-only.", disk, "Leave the disk out (-Disk), or restore it to a new file (-Destination).");

    public static MomentException SizeDiffers(string vm, string disk, long now, long then) => new(
        RestoreSizeDiffers, string.Create(CultureInfo.InvariantCulture, $"Cannot restore disk '{disk}' of '{vm}' in place: it has {now} bytes now, and had {then} bytes when it was backed up."), disk,
        "Restore it to a new file (-Destination), or give the disk its former size first (qemu-img resize, which cuts off what lies behind).");

    public static MomentException ImageShared(string vm, string disk, string path, string above) => new(
        RestoreImageShared, $"Cannot restore disk '{disk}' of '{vm}' in place: the image '{above}' stands on '{path}', and would change with it.", disk,
        "Restore the disk to a new file (-Destination), or merge or remove the other image first.");

    /// <summary>A failure of QEMU or its NBD server, where it is for want of space by that name.</summary>
    public static MomentException Explain(RedoFile redo, MomentException failure) =>
        failure.PeerErrorNumber != NoSpace && !failure.Message.Contains(NoSpaceText, StringComparison.Ordinal) ? failure
            : new MomentException(
                FileErrors.StorageFull, $"Cannot restore disk '{redo.Disk}' in place: what differs is stored in '{redo.Path}' first, and there is no space for it ({failure.Message.TrimEnd('.')}).", redo.Path,
                "Free some space beside the disk, then run the command again: nothing was changed.", failure) { PeerErrorClass = failure.PeerErrorClass, PeerErrorNumber = failure.PeerErrorNumber };

    /// <param name="failure">What went wrong after it had been decided.</param>
    public static MomentException Unfinished(string vm, MomentException failure) => new(
        RestoreUnfinished, $"The restore of '{vm}' in place could not be finished: {failure.Message} Its disks hold a mixture until it is.", vm,
        $"The next command that changes '{vm}' goes on with it; a start waits for that, too. {failure.Advice}".TrimEnd(), failure) { PeerErrorClass = failure.PeerErrorClass, PeerErrorNumber = failure.PeerErrorNumber };

    public static MomentException RedoLost(RedoFile redo, string why, Exception? inner = null) => new(
        RestoreRedoLost, $"A restore onto disk '{redo.Disk}' was interrupted and cannot be finished from '{redo.Path}': {why}.", redo.Path,
        $"Put the file back as it was. Until then '{redo.DiskPath}' holds a mixture: restore the backup to a new file (-Destination), which does not need it.", inner);
}
