using MomentTools.Errors;

namespace MomentTools.Files;

/// <summary>Failures of the file system, told apart by what the user can do about them.</summary>
internal static class FileErrors
{
    public static readonly ErrorId StorageFull = new("StorageFull", ErrorKind.Storage);
    public static readonly ErrorId StorageFailed = new("StorageFailed", ErrorKind.Storage);
    public static readonly ErrorId StorageAccessDenied = new("StorageAccessDenied", ErrorKind.AccessDenied);
    public static readonly ErrorId FileMissing = new("FileMissing", ErrorKind.NotFound);
    public static readonly ErrorId LockBusy = new("LockBusy", ErrorKind.Busy);
    public static readonly ErrorId SocketDirectoryUnsafe = new("SocketDirectoryUnsafe", ErrorKind.AccessDenied);
    public static readonly ErrorId FileExists = new("FileExists", ErrorKind.AlreadyExists);

    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;

    /// <summary>Says which file could not be worked on, and why, in place of the bare exception.</summary>
    /// <param name="doing">What was tried, as the rest of "Cannot …": "write", "read the manifest".</param>
    public static MomentException From(Exception failure, string doing, string path)
    {
        (ErrorId id, string advice) = failure switch
        {
            UnauthorizedAccessException => (StorageAccessDenied, "Check the owner and the permissions of the path, or run as the user who owns it."),
            FileNotFoundException or DirectoryNotFoundException => (FileMissing, "Check the path."),
            IOException io when SystemError(io) is NoSpace or QuotaExceeded => (StorageFull, "Free some space, then run the command again: nothing was changed half."),
            _ => (StorageFailed, "Look at the system's log for errors of this device."),
        };
        return new MomentException(id, $"Cannot {doing} '{path}': {failure.Message}", path, advice, failure)
        {
            PeerErrorNumber = failure is IOException error ? SystemError(error) : null,
        };
    }

    /// <param name="where">The directory that makes it so: itself, or one above it.</param>
    /// <param name="why">What is wrong with that, as the rest of "it …".</param>
    public static MomentException UnsafeForSockets(string path, string where, string why) => new(
        SocketDirectoryUnsafe, $"Cannot keep sockets in '{path}': '{where}' {why}, who could put other sockets there and take the machine over.", where,
        "Set XDG_RUNTIME_DIR to a directory that is yours alone, or mend the owner and the permissions of this one.");

    // .NET keeps errno in the low word of HResult for failures of the system on Unix.
    private static int SystemError(IOException failure) => failure.HResult & 0xFFFF;
}
