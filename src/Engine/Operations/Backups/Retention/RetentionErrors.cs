using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>Why backups are not removed.</summary>
internal static class RetentionErrors
{
    public static readonly ErrorId BackupRemovalUnclear = new("BackupRemovalUnclear", ErrorKind.InvalidArgument);
    public static readonly ErrorId KeepRulesEmpty = new("KeepRulesEmpty", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupNeeded = new("BackupNeeded", ErrorKind.InvalidState);
    public static readonly ErrorId BackupMayBeNeeded = new("BackupMayBeNeeded", ErrorKind.InvalidState);
    public static readonly ErrorId BackupInUse = new("BackupInUse", ErrorKind.Busy);
    public static readonly ErrorId BackupNotBeneath = new("BackupNotBeneath", ErrorKind.InvalidArgument);

    private const int MostNames = 12;

    public static MomentException Unclear(string vm, string why) => new(
        BackupRemovalUnclear, $"Cannot remove backups of '{vm}': {why}.", vm, "Give either the ids of backups or how many of them the rules shall keep.");

    public static MomentException NothingKept(string vm) => new(
        KeepRulesEmpty, $"Cannot remove backups of '{vm}' by rules that keep none: not one backup would be left.", vm,
        "Give at least one rule with a number above zero. Where really all shall go, name them with their ids.");

    public static MomentException Needed(string vm, string id, IReadOnlyList<BackupManifest> above) => new(
        BackupNeeded, $"Cannot remove the backup '{id}' of '{vm}': {Names(above)} {(above.Count == 1 ? "stands" : "stand")} on it.", id,
        "Fold it into what stands on it (-Merge), or remove that with the same command.");

    /// <param name="fault">Why the backup above cannot be restored, without a full stop.</param>
    public static MomentException NeededByFaulty(string vm, string id, BackupManifest above, string fault) => new(
        BackupNeeded, $"Cannot remove the backup '{id}' of '{vm}': '{above.Id}' stands on it and cannot be given files of its own, because it cannot be read to its end: {fault}.", id,
        "Get what is missing back from a copy of the repository, or remove that backup with the same command.");

    public static MomentException MayBeNeeded(string vm, string id, BrokenBackup above) => new(
        BackupMayBeNeeded,
        $"Cannot remove the backup '{id}' of '{vm}': the backup '{above.Id}' {(above.StandsOn is null ? "may stand" : "stands")} on it, and cannot be given files of its own. {above.Failure.Message}", id,
        $"Get the manifest of '{above.Id}' back from a copy of the repository. Where that backup is given up, remove it with the same command.", above.Failure);

    public static MomentException InUse(string vm, string id, string who) => new(
        BackupInUse, $"Cannot remove the backup '{id}' of '{vm}': it is used by {who}.", id,
        "End what uses it, then run the command again: Stop-VMBlockExport ends an export; a machine that runs on a backup is moved off it or stopped.");

    public static MomentException NotBeneath(string vm, string id, string since, IReadOnlyCollection<string> beneath) => new(
        BackupNotBeneath, $"Cannot fold backups of '{vm}' into '{id}' down to '{since}': '{id}' does not stand on it.", since,
        beneath.Count == 0 ? $"'{id}' stands on no other backup: there is nothing to fold." : $"It stands on {string.Join(", ", beneath.Order(StringComparer.Ordinal).Select(XmlErrors.Quote))}.");

    private static string Names(IReadOnlyList<BackupManifest> backups) =>
        string.Join(", ", backups.Take(MostNames).Select(backup => XmlErrors.Quote(backup.Id))) + (backups.Count > MostNames ? $" and {backups.Count - MostNames} more" : "");
}
