using MomentTools.Errors;

namespace MomentTools.Operations.Snapshots;

/// <summary>Why a machine does not get other images, or a snapshot is not gone back to.</summary>
internal static class RestoreErrors
{
    public static readonly ErrorId DiskInUse = new("DiskInUse", ErrorKind.Busy);

    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <param name="disk">The disk, or null where it is not known which.</param>
    /// <param name="user">What uses it.</param>
    public static MomentException InUse(string doing, string? disk, string user) => new(
        DiskInUse, $"Cannot {doing}: {(disk is null ? "a disk" : $"disk '{disk}'")} is in use by {user}.", disk,
        "Wait until it has ended, or end it; then run the command again. Nothing was changed.");

    /// <summary>A failure after the machine had been ended, with what became of it.</summary>
    public static MomentException PutBack(MomentException failure, string where) =>
        new(failure.ErrorId, $"{failure.Message} {where}", failure.Target, failure.Advice, failure) { PeerErrorClass = failure.PeerErrorClass, PeerErrorNumber = failure.PeerErrorNumber };
}
