using MomentTools.Errors;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Snapshots;

/// <summary>Failures of what lies inside images.</summary>
internal static class ImageTipErrors
{
    public static readonly ErrorId SnapshotTagAmbiguous = new("SnapshotTagAmbiguous", ErrorKind.InvalidState);
    public static readonly ErrorId SnapshotNotInImage = new("SnapshotNotInImage", ErrorKind.NotFound);
    public static readonly ErrorId SnapshotNotActive = new("SnapshotNotActive", ErrorKind.InvalidState);
    public static readonly ErrorId ImageHasOverlays = new("ImageHasOverlays", ErrorKind.InvalidState);
    public static readonly ErrorId BitmapForeign = new("BitmapForeign", ErrorKind.InvalidState);
    public static readonly ErrorId MachineStateUnfit = new("MachineStateUnfit", ErrorKind.InvalidState);
    public static readonly ErrorId MemoryNotLoaded = new("MemoryNotLoaded", ErrorKind.Refused);
    public static readonly ErrorId ExchangeImpossible = new("ExchangeImpossible", ErrorKind.Unsupported);

    public static MomentException Ambiguous(string path, string tag) => new(
        SnapshotTagAmbiguous, $"Cannot use the internal snapshot '{tag}' of the image '{path}': the image has several of that name, or one with that id, and QEMU would take the wrong one.", path,
        $"'qemu-img snapshot -l' lists them. Delete the one that nobody needs, while the image is not in use.");

    public static MomentException NotInImage(string vm, string disk, string path, string tag) => new(
        SnapshotNotInImage, $"Cannot go back to snapshot '{tag}' of '{vm}': the image '{path}' of disk '{disk}' does not have it.", disk,
        "It was deleted with another tool, or another image lies in its place. Test-VMMoment shows what else differs. Nothing was changed.");

    public static MomentException Replaced(string vm, string disk, string path, Qcow2Snapshot snapshot) => new(
        SnapshotNotInImage,
        $"Cannot go back to snapshot '{snapshot.Name}' of '{vm}': the image '{path}' of disk '{disk}' does not have it any more. What bears its name there was made anew, on {snapshot.Created.ToLocalTime():yyyy-MM-dd HH:mm}, and is another state.", disk,
        $"Another tool saved over it. 'qemu-img convert -l snapshot.name={snapshot.Name}' copies out what is there now; Remove-VMMoment -MetadataOnly forgets the old one. Nothing was changed.");

    public static MomentException NotActive(string vm, string disk, string snapshot, string layer, string active) => new(
        SnapshotNotActive, $"Cannot go back to the internal snapshot '{snapshot}' of '{vm}': it lies in the image '{layer}' of disk '{disk}', and the disk now works on '{active}'.", disk,
        "What lies inside an image can only be loaded while the disk works on that image. Go to a branch that does first: Get-VMBranch shows them.");

    public static MomentException HasOverlays(string vm, string disk, string what, string target, string path, IReadOnlyList<string> dependents) => new(
        ImageHasOverlays,
        $"Cannot go to {what} of '{vm}': it lies inside the image '{path}' of disk '{disk}', and on that image stands {string.Join(" and ", dependents)}, which would be destroyed.", target,
        "Merge or remove what stands on it first (Merge-VMSnapshot, Remove-VMSnapshot, Remove-VMBranch). Nothing was changed.");

    public static MomentException Foreign(string vm, string disk, IReadOnlyList<string> names) => new(
        BitmapForeign,
        $"Cannot load a state inside the image of disk '{disk}' of '{vm}': QEMU requires that it has no bitmaps, and {(names.Count == 1 ? $"the bitmap '{names[0]}' is not ours" : $"the bitmaps {string.Join(", ", names.Select(name => $"'{name}'"))} are not ours")}.", disk,
        $"Where nobody needs it any more, Remove-VMBitmap '{vm}' -Disk '{disk}' -Name '{names[0]}' removes it; Import-VMMoment -FromBitmap makes it a checkpoint. Nothing was changed.");

    public static MomentException Unfit(string vm, string status) => new(
        MachineStateUnfit, $"Cannot load a state into '{vm}': QEMU calls what the machine does '{status}'.", vm, "Let it finish, or stop the machine, then run the command again. Nothing was changed.");

    public static MomentException NotLoaded(string vm, string tag, string words, string outcome, Exception? inner = null) => new(
        MemoryNotLoaded, $"The snapshot '{tag}' could not be loaded into '{vm}': {words} {outcome}", vm,
        "A machine with other devices or another amount of memory than then cannot take that memory. Compare its definition with the snapshot's: Export-VMMoment shows it.", inner);

    public static MomentException HalfLoaded(string vm, string tag) => new(
        MemoryNotLoaded, $"The snapshot '{tag}' was loaded into some disks of '{vm}' only, and QEMU cannot load it into the others.", vm,
        "Stop the machine with the tool that it belongs to: the next command that changes it then finishes the rest.");

    public static MomentException NoExchange(string vm, string disk, string why) => new(
        ExchangeImpossible, $"Cannot go back to a snapshot of the disks alone while '{vm}' runs: {why}.", disk, "Stop the machine, then run the command again. Nothing was changed.");
}
