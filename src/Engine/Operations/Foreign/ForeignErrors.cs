using MomentTools.Errors;

namespace MomentTools.Operations.Foreign;

/// <summary>Why bitmaps cannot come over from another program, or go over to it.</summary>
internal static class ForeignErrors
{
    public static readonly ErrorId BitmapNotAdoptable = new("BitmapNotAdoptable", ErrorKind.InvalidState);
    public static readonly ErrorId BitmapAmbiguous = new("BitmapAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId HandOverImpossible = new("HandOverImpossible", ErrorKind.InvalidState);

    public static MomentException NotAdoptable(string vm, string disk, string bitmap, string why) => new(
        BitmapNotAdoptable, $"Cannot adopt bitmap '{bitmap}' of disk '{disk}' of '{vm}': {why}. Nothing was changed.", bitmap,
        $"Take a new checkpoint instead. 'Remove-VMBitmap {vm} {bitmap} -Disk {disk}' removes a bitmap that serves nobody.");

    public static MomentException CannotHandOver(string vm, IReadOnlyCollection<string> reasons) => new(
        HandOverImpossible, $"Cannot hand the moments of '{vm}' over to libvirt: {string.Join("; ", reasons)}. Nothing was changed or written.", vm,
        "Remove the moments that are named (Remove-VMMoment), or see whether Repair-VMMoment can mend them, then run the command again. Without -ForLibvirt the documents alone are written, whatever became of the bitmaps.");
}
