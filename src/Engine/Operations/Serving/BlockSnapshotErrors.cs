using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Serving;

/// <summary>Failures of making and ending block snapshots.</summary>
internal static class BlockSnapshotErrors
{
    public static readonly ErrorId BlockSnapshotDiskUnsupported = new("BlockSnapshotDiskUnsupported", ErrorKind.InvalidArgument);
    public static readonly ErrorId BlockSnapshotWithoutDisk = new("BlockSnapshotWithoutDisk", ErrorKind.InvalidArgument);
    public static readonly ErrorId BlockSnapshotRefused = new("BlockSnapshotRefused", ErrorKind.Refused);
    public static readonly ErrorId BlockSnapshotExported = new("BlockSnapshotExported", ErrorKind.InvalidState);
    public static readonly ErrorId ScratchPathInvalid = new("ScratchPathInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId ScratchLimitInvalid = new("ScratchLimitInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId ScratchImpossible = new("ScratchImpossible", ErrorKind.Refused);

    private const string Full = "No space left on device", Denied = "Permission denied";

    public static MomentException DiskUnsupported(string name, string disk, string why) => new(
        BlockSnapshotDiskUnsupported, $"Cannot make block snapshot '{name}': disk '{disk}' {why}.", disk, "Leave the disk out, by naming the others with -Disk.");

    public static MomentException WithoutDisk(string vm, string name) => new(
        BlockSnapshotWithoutDisk, $"Cannot make block snapshot '{name}': '{vm}' has no disk whose content could change.", name, "Look at the machine's disks: Get-VMDomain shows them.");

    public static MomentException DiskTwice(string name, string disk) => new(
        Xml.XmlErrors.DiskNamedTwice, $"Block snapshot '{name}' names the disk '{disk}' twice.", disk, "Name each disk once, by its target or by its path.");

    /// <summary>QEMU could not make or open a scratch file; why, it says in words only.</summary>
    public static MomentException ScratchFailed(string path, MomentException failure)
    {
        (ErrorId id, string advice) = failure.Message switch
        {
            var words when words.Contains(Full, StringComparison.Ordinal) => (FileErrors.StorageFull, "Free some space, or put the scratch file elsewhere with -ScratchDirectory; nothing was changed."),
            var words when words.Contains(Denied, StringComparison.Ordinal) => (FileErrors.StorageAccessDenied, "QEMU runs as another user, or is confined: put the scratch file where it may write, with -ScratchDirectory."),
            _ => (ScratchImpossible, "Look at the storage of this file. Nothing was changed."),
        };
        return new MomentException(id, $"Cannot make the scratch file '{path}': {failure.Message}", path, advice, failure) { PeerErrorClass = failure.PeerErrorClass };
    }

    public static MomentException ScratchPath(string path, string given, string why) => new(
        ScratchPathInvalid, $"Cannot use '{path}' ({given}) for a scratch file: {why}.", path, "Give each disk the absolute path of a file of its own, which is not there yet.");

    public static MomentException ScratchOfNothing(string disk, string path) => new(
        ScratchPathInvalid, $"Cannot use '{path}' (-Scratch for disk '{disk}'): the disk takes no part in the block snapshot.", disk, "Name the disk with -Disk as well, or leave its file out.");

    public static MomentException NoScratchBesideDevice(string disk, string path) => new(
        ScratchPathInvalid, $"Cannot make a scratch file for disk '{disk}': it lies on the block device '{path}', beside which no file can be.", disk, "Say where scratch files shall be: -ScratchDirectory, or -Scratch for this disk.");

    public static MomentException NoScratchDirectory(string path, string given, string directory) => new(
        FileErrors.FileMissing, $"Cannot make the scratch file '{path}' ({given}): the directory '{directory}' does not exist.", path, "Make the directory, or give another place. Nothing was changed.");

    public static MomentException ScratchExists(string path, string given) => new(
        FileErrors.FileExists, $"Cannot make the scratch file '{path}' ({given}): there is a file of that name already, and none is ever overwritten.", path, "Give another name, or move the old file away.");

    public static MomentException Limit(long limit, long least) => new(
        ScratchLimitInvalid, $"A scratch file cannot be limited to {limit} bytes: its own tables take {least} bytes already.", null, "Give a limit like 10GB, or none.");

    /// <summary>QEMU takes neither a filter nor a job on a disk.</summary>
    public static MomentException Refused(string vm, string name, MomentException failure) => new(
        BlockSnapshotRefused, $"Cannot make block snapshot '{name}' of '{vm}': {failure.Message}", name, "All that was done for it was undone, and the machine goes on. Look at what else uses the disk.", failure)
    {
        PeerErrorClass = failure.PeerErrorClass,
    };

    public static MomentException Exported(string vm, string name, string export, string address) => new(
        BlockSnapshotExported, $"Cannot remove block snapshot '{name}' of '{vm}': it is exported as '{export}' at {address}.", name, $"Stop the export first: Stop-VMBlockExport '{vm}' -ExportName '{export}'. Nothing was changed.");
}
