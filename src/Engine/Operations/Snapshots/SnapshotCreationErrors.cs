using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Snapshots;

/// <summary>Failures of making snapshots.</summary>
internal static class SnapshotCreationErrors
{
    public static readonly ErrorId OverlayImpossible = new("OverlayImpossible", ErrorKind.Refused);
    public static readonly ErrorId MemoryNotSaved = new("MemoryNotSaved", ErrorKind.Refused);
    public static readonly ErrorId MigrationActive = new("MigrationActive", ErrorKind.Busy);

    private const string Full = "No space left on device", Denied = "Permission denied";

    /// <summary>QEMU could not make or open a new layer; why, it says in words only.</summary>
    public static MomentException OverlayFailed(string path, MomentException failure)
    {
        (ErrorId id, string advice) = failure.Message switch
        {
            var words when words.Contains(Full, StringComparison.Ordinal) => (FileErrors.StorageFull, "Free some space, or put the new layer elsewhere, then run the command again: nothing was changed."),
            var words when words.Contains(Denied, StringComparison.Ordinal) => (FileErrors.StorageAccessDenied, "QEMU runs as another user, or is confined: put the new layer where it may write."),
            _ => (OverlayImpossible, "Look at the storage of this file. Nothing was changed."),
        };
        return new MomentException(id, $"Cannot make the new layer '{path}': {failure.Message}", path, advice, failure) { PeerErrorClass = failure.PeerErrorClass };
    }

    public static MomentException Migrating(string qemu, string status) => new(
        MigrationActive, $"Cannot save the memory of the machine at {qemu}: a migration is under way ({status}).", qemu, "Wait for its end, or cancel it: Invoke-VMQmpCommand migrate_cancel.");

    public static MomentException MemoryFailed(string path, string why, Exception? inner = null) => new(
        MemoryNotSaved, $"Cannot save the machine's memory to '{path}': {why}", path, "The machine goes on as before. Look at its log and at the storage of the file.", inner)
    {
        PeerErrorClass = (inner as MomentException)?.PeerErrorClass,
    };
}
