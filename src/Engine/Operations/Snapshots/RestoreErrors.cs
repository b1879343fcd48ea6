using MomentTools.Errors;

namespace MomentTools.Operations.Snapshots;

/// <summary>Why a machine does not get other images, or a snapshot is not gone back to.</summary>
internal static class RestoreErrors
{
    public static readonly ErrorId DiskInUse = new("DiskInUse", ErrorKind.Busy);
    public static readonly ErrorId DefinitionChanged = new("DefinitionChanged", ErrorKind.InvalidState);
    public static readonly ErrorId TipSaved = new("TipSaved", ErrorKind.Unsupported);

    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <param name="disk">The disk, or null where it is not known which.</param>
    /// <param name="user">What uses it.</param>
    public static MomentException InUse(string doing, string? disk, string user) => new(
        DiskInUse, $"Cannot {doing}: {(disk is null ? "a disk" : $"disk '{disk}'")} is in use by {user}.", disk,
        "Wait until it has ended, or end it; then run the command again. Nothing was changed.");

    /// <summary>A failure after the machine had been ended, with what became of it.</summary>
    public static MomentException PutBack(MomentException failure, string where) =>
        new(failure.ErrorId, $"{failure.Message} {where}", failure.Target, failure.Advice, failure) { PeerErrorClass = failure.PeerErrorClass, PeerErrorNumber = failure.PeerErrorNumber };

    /// <summary>A memory that was saved by a machine that was another one.</summary>
    public static MomentException Unfit(string vm, IReadOnlyList<string> differences) => new(
        DefinitionChanged, $"The saved memory of '{vm}' does not fit the machine any more: {string.Join("; ", differences)}.", vm,
        "Give the machine back the definition that it had (Export-VMMoment shows the one of the snapshot), or use -Force, which starts it with that one and today's images. Nothing was changed.");

    /// <summary>A tip that lies inside an image beside another one.</summary>
    public static MomentException SavedTip(string vm, string branch, string disk, string tag) => new(
        TipSaved, $"Cannot bring '{vm}' to branch '{branch}': on disk '{disk}' its tip is the internal snapshot '{tag}' of the image, while other disks change their images.", disk,
        "Nothing was changed.");
}
