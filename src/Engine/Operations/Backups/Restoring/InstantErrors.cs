using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>What can go wrong with a machine that runs on a backup.</summary>
internal static class InstantErrors
{
    public static readonly ErrorId RestoreInstantIncomplete = new("RestoreInstantIncomplete", ErrorKind.InvalidArgument);
    public static readonly ErrorId RestoreInterrupted = new("RestoreInterrupted", ErrorKind.NotFound);
    public static readonly ErrorId RestoreMoveFailed = new("RestoreMoveFailed", ErrorKind.Refused);

    private const string NoSpace = "No space left on device";

    /// <param name="why">What is missing or does not fit, without a full stop.</param>
    public static MomentException Incomplete(string vm, string why, string advice) =>
        new(RestoreInstantIncomplete, $"Cannot run a backup of '{vm}' at once: {why}.", vm, advice);

    public static MomentException Interrupted(string name) => new(
        RestoreInterrupted, $"There is no domain '{name}' any more: the process that made it of a backup was interrupted, and what it had made is removed now.", name,
        "Restore the backup again.");

    public static MomentException MoveFailed(string vm, string disk, string path, string repository, MomentException failure)
    {
        bool full = failure.Message.Contains(NoSpace, StringComparison.Ordinal);
        return new MomentException(
            full ? FileErrors.StorageFull : RestoreMoveFailed,
            $"Cannot move the disk '{disk}' of '{vm}' into '{path}': {failure.Message}", path,
            $"The machine runs on and still needs the backup. {(full ? "Free some space there" : "Look at QEMU's words")}, then move it again: Restore-VMBackup -Repository {repository} -AsDomain {vm} -Move.", failure)
        { PeerErrorClass = failure.PeerErrorClass };
    }
}
