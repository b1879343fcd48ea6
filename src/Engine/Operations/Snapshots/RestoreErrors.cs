using MomentTools.Errors;

namespace MomentTools.Operations.Snapshots;

/// <summary>Why a machine does not get other images, or a snapshot is not gone back to.</summary>
internal static class RestoreErrors
{
    public static readonly ErrorId DiskInUse = new("DiskInUse", ErrorKind.Busy);
    public static readonly ErrorId DefinitionChanged = new("DefinitionChanged", ErrorKind.InvalidState);
    public static readonly ErrorId MomentIsCheckpoint = new("MomentIsCheckpoint", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotContentUnknown = new("SnapshotContentUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId SnapshotContentMissing = new("SnapshotContentMissing", ErrorKind.NotFound);
    public static readonly ErrorId RestoreInvalidates = new("RestoreInvalidates", ErrorKind.InvalidState);
    public static readonly ErrorId RestoreOptionsExclusive = new("RestoreOptionsExclusive", ErrorKind.InvalidArgument);
    public static readonly ErrorId TipSaved = new("TipSaved", ErrorKind.Unsupported);

    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <param name="disk">The disk, or null where it is not known which.</param>
    /// <param name="user">What uses it.</param>
    /// <param name="end">The command that ends it, or null where there is none.</param>
    public static MomentException InUse(string doing, string? disk, string user, string? end = null) => new(
        DiskInUse, $"Cannot {doing}: {(disk is null ? "a disk" : $"disk '{disk}'")} is in use by {user}.", disk,
        $"{(end is null ? "Wait until it has ended, or end it" : $"End it first: {end}")}; then run the command again. Nothing was changed.");

    /// <summary>A failure after the machine had been ended, with what became of it.</summary>
    public static MomentException PutBack(MomentException failure, string where) =>
        new(failure.ErrorId, $"{failure.Message} {where}", failure.Target, failure.Advice, failure) { PeerErrorClass = failure.PeerErrorClass, PeerErrorNumber = failure.PeerErrorNumber };

    /// <summary>A memory that was saved by a machine that was another one.</summary>
    public static MomentException Unfit(string vm, IReadOnlyList<string> differences) => new(
        DefinitionChanged, $"The saved memory of '{vm}' does not fit the machine any more: {string.Join("; ", differences)}.", vm,
        "Give the machine back the definition that it had (Export-VMMoment shows the one of the snapshot), or use -Force, which starts it with that one and today's images. Nothing was changed.");

    /// <summary>A tip that lies inside an image that the machine does not work on.</summary>
    /// <param name="tag">The internal snapshot that is the tip.</param>
    /// <param name="live">The branch whose tip is that image's present content, or null.</param>
    public static MomentException SavedTip(string vm, string branch, string disk, string path, string tag, string? live) => new(
        TipSaved, $"Cannot bring '{vm}' to branch '{branch}': on disk '{disk}' its tip lies inside the image '{path}', which the machine does not work on now.", disk,
        live is null ? $"No branch is on that image any more. What the tip holds can be copied: qemu-img convert -f qcow2 -l snapshot.name={tag} -O qcow2 '{path}' NEW.qcow2. Nothing was changed." : $"Go to branch '{live}' first, which is on that image, and then on to '{branch}'. Nothing was changed.");

    public static MomentException IsCheckpoint(string vm, string name) => new(
        MomentIsCheckpoint, $"Cannot go back to '{name}' of '{vm}': it is a checkpoint, which records what changes and keeps no content.", name,
        "Get-VMSnapshot lists the moments that can be gone back to.");

    public static MomentException ContentUnknown(string vm, string name, string? disk, string why) => new(
        SnapshotContentUnknown, $"Cannot go back to snapshot '{name}' of '{vm}'{(disk is null ? "" : $" on disk '{disk}'")}: {why}.", disk ?? name,
        "Get-VMSnapshot lists the others. One that another tool took has to be gone back to with that tool. Nothing was changed.");

    public static MomentException ContentMissing(string vm, string name, string disk, string path) => new(
        SnapshotContentMissing, $"Cannot go back to snapshot '{name}' of '{vm}': the image '{path}', which holds its content of disk '{disk}', is gone.", path,
        "Put the file back. Nothing was changed.");

    /// <param name="lost">What nothing would lead to any more: "snapshot 'a'", "branch 'b'".</param>
    public static MomentException Invalidates(string vm, string name, IReadOnlyList<string> lost) => new(
        RestoreInvalidates, $"Going back to snapshot '{name}' of '{vm}' would take with it what lies inside the images that are left: {string.Join(", ", lost)}. Nothing was changed.", name,
        "Three ways lead on: -Branch NAME goes back on a new branch and leaves all of it intact; -Discard gives it up; Merge-VMSnapshot folds the layers down first.");

    /// <param name="why">A whole sentence without its full stop.</param>
    public static MomentException Options(string vm, string name, string why, string advice) => new(
        RestoreOptionsExclusive, $"Cannot go back to snapshot '{name}' of '{vm}': {why}.", name, advice);
}
