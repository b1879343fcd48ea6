using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>What can be wrong with an image or a chain of images, and the sentences that say so.</summary>
internal static class Qcow2Errors
{
    public static readonly ErrorId Qcow2NotRecognised = new("Qcow2NotRecognised", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2VersionUnsupported = new("Qcow2VersionUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2FeatureUnknown = new("Qcow2FeatureUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2CompressionUnknown = new("Qcow2CompressionUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2HeaderInvalid = new("Qcow2HeaderInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2Truncated = new("Qcow2Truncated", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2TableInvalid = new("Qcow2TableInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2ClusterInvalid = new("Qcow2ClusterInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2SnapshotTableInvalid = new("Qcow2SnapshotTableInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2BitmapDirectoryInvalid = new("Qcow2BitmapDirectoryInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2BitmapInvalid = new("Qcow2BitmapInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2BitmapUnsupported = new("Qcow2BitmapUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2BitmapInconsistent = new("Qcow2BitmapInconsistent", ErrorKind.InvalidState);
    public static readonly ErrorId Qcow2ImageInUse = new("Qcow2ImageInUse", ErrorKind.Busy);
    public static readonly ErrorId Qcow2WriteUnverified = new("Qcow2WriteUnverified", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2Encrypted = new("Qcow2Encrypted", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2ZstdMissing = new("Qcow2ZstdMissing", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2DataFileMissing = new("Qcow2DataFileMissing", ErrorKind.InvalidState);
    public static readonly ErrorId Qcow2BackingFormatMissing = new("Qcow2BackingFormatMissing", ErrorKind.InvalidState);
    public static readonly ErrorId Qcow2BackingFormatUnsupported = new("Qcow2BackingFormatUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2BackingNameUnsupported = new("Qcow2BackingNameUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId Qcow2BackingRefused = new("Qcow2BackingRefused", ErrorKind.AccessDenied);
    public static readonly ErrorId Qcow2ChainTooDeep = new("Qcow2ChainTooDeep", ErrorKind.CorruptData);
    public static readonly ErrorId Qcow2ChainLoop = new("Qcow2ChainLoop", ErrorKind.CorruptData);

    private const string Check = "Run 'qemu-img check' on a copy of the image, or restore the image from a backup.";

    public static MomentException NotRecognised(string path, string why) => new(
        Qcow2NotRecognised, $"'{path}' is not a qcow2 image: {why}.", path, "Only qcow2 images have bitmaps and snapshots. If it is the disk of a machine, its definition must give its real format: <driver type='raw'/>.");

    public static MomentException HeaderInvalid(string path, string why) => Corrupt(Qcow2HeaderInvalid, "header", path, why);

    public static MomentException TableInvalid(string path, string why) => Corrupt(Qcow2TableInvalid, "cluster mapping", path, why);

    public static MomentException SnapshotTableInvalid(string path, string why) =>
        Corrupt(Qcow2SnapshotTableInvalid, "snapshot table", path, why);

    public static MomentException BitmapDirectoryInvalid(string path, string why) =>
        Corrupt(Qcow2BitmapDirectoryInvalid, "bitmap directory", path, why);

    public static MomentException BitmapInvalid(string path, string bitmap, string why) => new(
        Qcow2BitmapInvalid, $"The bitmap '{bitmap}' in '{path}' cannot be read: {why}.", path,
        "Remove the bitmap; the changes it recorded are unknown.");

    public static MomentException Unverified(string path, string bitmap, string why) => new(
        Qcow2WriteUnverified, $"Cannot make the bitmap '{bitmap}' in '{path}' usable again: {why}.", path,
        "Remove the bitmap; the changes it recorded are unknown. Look at the system's log for errors of this device.");

    public static MomentException Truncated(string path, string what, long offset, long length, long fileLength) => new(
        Qcow2Truncated,
        $"The {what} of '{path}' should lie at offset 0x{offset:x}, {length} bytes long, but the file ends at 0x{fileLength:x}.",
        path,
        "The file was cut short, or a number in it is wrong. " + Check);

    public static MomentException ClusterInvalid(string path, GuestOffset offset, string why, Exception? inner = null) => new(
        Qcow2ClusterInvalid, $"The compressed cluster at guest offset {offset} of '{path}' cannot be read: {why}.", path, Check, inner);

    public static MomentException BackingRefused(string overlay, string named, string why) => new(
        Qcow2BackingRefused, $"'{overlay}' names '{named}', which was not opened: {why}.", overlay,
        "If the name is right, say so where the disk is registered; an image alone does not decide which files are read.");

    private static MomentException Corrupt(ErrorId id, string part, string path, string why) =>
        new(id, $"The {part} of '{path}' is not sound: {why}.", path, Check);
}
