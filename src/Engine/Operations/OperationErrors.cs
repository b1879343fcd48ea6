using MomentTools.Errors;

namespace MomentTools.Operations;

/// <summary>Failures of whole stories.</summary>
internal static class OperationErrors
{
    public static readonly ErrorId BitmapExists = new("BitmapExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId DiskLayerUnexpected = new("DiskLayerUnexpected", ErrorKind.InvalidState);
    public static readonly ErrorId ChangesUnknown = new("ChangesUnknown", ErrorKind.InvalidState);
    public static readonly ErrorId DiskNotCovered = new("DiskNotCovered", ErrorKind.InvalidArgument);
    public static readonly ErrorId DomainHasMoments = new("DomainHasMoments", ErrorKind.InvalidState);
    public static readonly ErrorId OperationUnknown = new("OperationUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId BackupFailed = new("BackupFailed", ErrorKind.Refused);
    public static readonly ErrorId BackupChainUnproven = new("BackupChainUnproven", ErrorKind.InvalidState);
    public static readonly ErrorId QmpArgumentsInvalid = new("QmpArgumentsInvalid", ErrorKind.InvalidArgument);

    public static MomentException Unknown(string vm, string disk, string since, string reason) => new(
        ChangesUnknown,
        $"Cannot tell what changed on disk '{disk}' of '{vm}' since '{since}': {reason}.",
        disk,
        "Take a new checkpoint and compare from there, or make a full backup; other disks and younger checkpoints are not affected.");
}
