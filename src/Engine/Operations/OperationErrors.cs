using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations;

/// <summary>Failures of whole stories.</summary>
internal static class OperationErrors
{
    public static readonly ErrorId NoMetadataAlone = new("NoMetadataAlone", ErrorKind.InvalidArgument);
    public static readonly ErrorId BitmapExists = new("BitmapExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId DiskLayerUnexpected = new("DiskLayerUnexpected", ErrorKind.InvalidState);
    public static readonly ErrorId LayerChanging = new("LayerChanging", ErrorKind.InvalidState);
    public static readonly ErrorId ChangesUnknown = new("ChangesUnknown", ErrorKind.InvalidState);
    public static readonly ErrorId ChangedContentMoves = new("ChangedContentMoves", ErrorKind.InvalidState);
    public static readonly ErrorId ChangedContentNotKept = new("ChangedContentNotKept", ErrorKind.Unsupported);
    public static readonly ErrorId ChangedContentGone = new("ChangedContentGone", ErrorKind.InvalidState);
    public static readonly ErrorId DiskNotCovered = new("DiskNotCovered", ErrorKind.InvalidArgument);
    public static readonly ErrorId DomainHasMoments = new("DomainHasMoments", ErrorKind.InvalidState);
    public static readonly ErrorId NothingToSet = new("NothingToSet", ErrorKind.InvalidArgument);
    public static readonly ErrorId RemovalAmbiguous = new("RemovalAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotContentKept = new("SnapshotContentKept", ErrorKind.Unsupported);
    public static readonly ErrorId BitmapNotFound = new("BitmapNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BitmapOwned = new("BitmapOwned", ErrorKind.InvalidState);
    public static readonly ErrorId BitmapFrozen = new("BitmapFrozen", ErrorKind.InvalidState);
    public static readonly ErrorId BitmapBusy = new("BitmapBusy", ErrorKind.Busy);
    public static readonly ErrorId KeepBitmapsAlone = new("KeepBitmapsAlone", ErrorKind.InvalidArgument);
    public static readonly ErrorId VMUpdateMismatch = new("VMUpdateMismatch", ErrorKind.InvalidArgument);
    public static readonly ErrorId OperationUnknown = new("OperationUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId BackupFailed = new("BackupFailed", ErrorKind.Refused);
    public static readonly ErrorId BackupChainUnproven = new("BackupChainUnproven", ErrorKind.InvalidState);
    public static readonly ErrorId RepairOvertaken = new("RepairOvertaken", ErrorKind.Busy);
    public static readonly ErrorId QmpArgumentsInvalid = new("QmpArgumentsInvalid", ErrorKind.InvalidArgument);

    public static readonly ErrorId QuiesceImpossible = new("QuiesceImpossible", ErrorKind.InvalidState);
    public static readonly ErrorId QuiesceLost = new("QuiesceLost", ErrorKind.InvalidState);
    public static readonly ErrorId GuestAlreadyFrozen = new("GuestAlreadyFrozen", ErrorKind.InvalidState);
    public static readonly ErrorId GroupInvalid = new("GroupInvalid", ErrorKind.InvalidArgument);

    public static MomentException QuiesceState(string vm, string status) => new(
        QuiesceImpossible, $"Cannot quiesce '{vm}': it neither runs nor is it paused; QEMU calls its state '{status}'.", vm,
        "Look at the machine: its guest may wait for storage, or have crashed. Let it go on first, or leave out -Quiesce.");

    public static MomentException AlreadyFrozen(string vm) => new(
        GuestAlreadyFrozen, $"Cannot quiesce '{vm}': its file systems are frozen already, by somebody else.", vm,
        "Wait until the other backup has thawed them. Where none is under way, 'fsfreeze --unfreeze' in the guest, or guest-fsfreeze-thaw by its agent, does it.");

    public static MomentException NotQuiet(string vm, string why) => new(
        QuiesceLost, $"The guest of '{vm}' did not stay quiet: {why} before the instant was over.", vm,
        "What was taken was undone. Run the command again when nobody else freezes or resumes the machine.");

    /// <summary>A copy job that failed; QEMU says why in words only, in which a full disk is to be told apart.</summary>
    public static MomentException CopyFailed(string vm, string disk, string path, MomentException job)
    {
        bool full = job.Message.Contains("No space left on device", StringComparison.Ordinal);
        return new MomentException(
            full ? FileErrors.StorageFull : BackupFailed,
            $"Cannot back up disk '{disk}' of '{vm}' to '{path}': {job.Message}",
            disk,
            full ? "Free some space for the repository, then run the command again: no half backup is kept." : "Nothing was kept of this backup. Look at the storage of the disk and of the repository, then run the command again.",
            job);
    }

    /// <summary>Somebody writes to what a disk stands on while a moment is taken.</summary>
    public static MomentException BeingWritten(string disk, string path, string text) => new(
        LayerChanging, $"Cannot take a moment of disk '{disk}': the image '{path}' beneath it is being changed by somebody else in this very moment: {text}.", disk,
        "Nothing was kept. Find out who writes there ('fuser -v' names the processes that have a file open), then run the command again.");

    /// <summary>A disk stands on another image than its moments.</summary>
    public static MomentException Rebased(string disk, LayerDrift drift) => new(
        DiskLayerUnexpected, $"Cannot change disk '{disk}': {drift.Doubt}.", disk,
        "Put the recorded image back beneath it, or, where the disk's content is right, accept the layers as they are with Repair-VMMoment.");

    /// <param name="until">The other moment, or null where it is now.</param>
    public static MomentException Unknown(string vm, string disk, string since, string? until, string reason) => new(
        ChangesUnknown,
        $"Cannot tell what changed on disk '{disk}' of '{vm}' {(until is null ? $"since '{since}'" : $"between '{since}' and '{until}'")}: {reason}.",
        disk,
        "Take a new checkpoint and compare from there, or make a full backup; other disks and younger checkpoints are not affected.");

    /// <summary>The content of changed blocks is asked for where the guest writes on.</summary>
    public static MomentException ContentMoves(string vm) => new(
        ChangedContentMoves, $"Cannot give the content of what changed on '{vm}' up to now: the machine runs, and writes on while it is read.", vm,
        "Hold an instant with New-VMBlockSnapshot and ask with -Snapshot, or ask with -To for what changed up to a snapshot.");

    /// <summary>The content of changed blocks is asked for up to a moment that has none that can be read.</summary>
    public static MomentException ContentNotKept(string vm, string moment, string? disk, string why) => new(
        ChangedContentNotKept, $"Cannot give the content of '{vm}' at '{moment}'{(disk is null ? "" : $" on disk '{disk}'")}: {why}.", disk ?? moment,
        "Ask without -Read for the blocks alone. Content is kept by snapshots outside the images (New-VMSnapshot) and by block snapshots (New-VMBlockSnapshot).");

    /// <summary>The block snapshot whose content is read has ended.</summary>
    public static MomentException InstantGone(string vm, string snapshot) => new(
        ChangedContentGone, $"The content that block snapshot '{snapshot}' of '{vm}' held is gone: the machine, or the storage daemon that had it, has ended.", snapshot,
        "What was read so far is not to be used. Make a new one with New-VMBlockSnapshot.");

    /// <summary>The content of changed blocks is not what it was when they were asked for.</summary>
    public static MomentException ContentMoved(string vm, string disk, string path) => new(
        ChangedContentGone, $"The content of disk '{disk}' of '{vm}' is not any more what it was when its changed blocks were asked for: the image '{path}' was written to, or is gone.", disk,
        "What was read so far is not to be used. Ask anew with Get-VMChangedBlock -Read, and leave the machine as it is until all is read.");
}
