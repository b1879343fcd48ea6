using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What can come of starting a backup to see whether it lives.</summary>
internal static class BootErrors
{
    public static readonly ErrorId BackupBootFailed = new("BackupBootFailed", ErrorKind.Timeout);
    public static readonly ErrorId BackupBootSignMissing = new("BackupBootSignMissing", ErrorKind.InvalidArgument);

    /// <param name="what">What happened in place of the sign of life, without a full stop.</param>
    /// <param name="console">The last lines that the guest wrote.</param>
    public static MomentException Failed(string vm, string id, string what, string console) => new(
        BackupBootFailed,
        $"The backup '{id}' of '{vm}' was started and gave no sign of life: {what}. {(console.Length > 0 ? $"Its console said last:\n{console}" : "It wrote nothing on its console.")}", id,
        "Look at what it said. A slow machine may need a longer -BootTimeout; if the backup's files have no damage (Test-VMBackup), what they hold may not have been able to start when they were made either.");

    public static MomentException SignMissing(string vm, string id) => new(
        BackupBootSignMissing, $"Cannot start the backup '{id}' of '{vm}' for a test: its machine has no channel for the guest agent, so nothing would tell that it has started.", id,
        "Give a text that its guest writes on the serial console, with -BootText.");
}
