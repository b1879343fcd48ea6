using MomentTools.Errors;

namespace MomentTools.Operations.Layers;

/// <summary>Failures of joining, pulling and removing layers.</summary>
internal static class LayerErrors
{
    public static readonly ErrorId LayerMergeFailed = new("LayerMergeFailed", ErrorKind.Refused);
    public static readonly ErrorId LayerMergeDamaged = new("LayerMergeDamaged", ErrorKind.CorruptData);
    public static readonly ErrorId LayerNotOpen = new("LayerNotOpen", ErrorKind.InvalidState);
    public static readonly ErrorId LayerRemovalFailed = new("LayerRemovalFailed", ErrorKind.Storage);
    public static readonly ErrorId MergeWouldEndBranches = new("MergeWouldEndBranches", ErrorKind.InvalidState);
    public static readonly ErrorId MergeNothingAbove = new("MergeNothingAbove", ErrorKind.InvalidState);
    public static readonly ErrorId SnapshotNotExternal = new("SnapshotNotExternal", ErrorKind.InvalidArgument);

    public static MomentException MergeFailed(string disk, string from, string into, MomentException cause) => new(
        LayerMergeFailed, $"Cannot merge the layer '{from}' of disk '{disk}' into '{into}': {cause.Message}", disk,
        "Nothing is lost: both layers are as they were. Look at the storage of the layers (is there space?), then run Remove-VMSnapshot or Merge-VMSnapshot again; what was forgotten stays forgotten, and its layers are merged then.", cause)
    {
        PeerErrorClass = cause.PeerErrorClass,
    };

    public static MomentException Damaged(string disk, string into, string words) => new(
        LayerMergeDamaged, $"The layer '{into}' of disk '{disk}' is not whole after the merge: {words}", disk,
        "The layer that was merged into it is still there and nothing reads less than before. Look at the storage, run 'qemu-img check' on both, and try again.");

    public static MomentException NotOpen(string disk, string path) => new(
        LayerNotOpen, $"Cannot work on the layer '{path}' of disk '{disk}': QEMU does not have it open exactly once, as the disk's chain says.", disk,
        "Somebody else changed the machine's layers. Test-VMMoment shows how; stop the machine, then try again.");

    public static MomentException CommandFailed(string disk, string command, string words) => new(
        LayerMergeFailed, $"'{command}' failed for disk '{disk}': {words}", disk, "Look at the storage of the image, and whether another program has it open.");
}
