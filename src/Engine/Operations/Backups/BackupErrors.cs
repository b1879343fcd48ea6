using System.Globalization;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>What can be wrong with a backup repository, with a backup in it, and with a restore.</summary>
internal static class BackupErrors
{
    public static readonly ErrorId BackupRepositoryMissing = new("BackupRepositoryMissing", ErrorKind.NotFound);
    public static readonly ErrorId BackupRepositoryInvalid = new("BackupRepositoryInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupDomainConflict = new("BackupDomainConflict", ErrorKind.AlreadyExists);
    public static readonly ErrorId BackupDomainNotFound = new("BackupDomainNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BackupNotFound = new("BackupNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BackupNoneBefore = new("BackupNoneBefore", ErrorKind.NotFound);
    public static readonly ErrorId BackupDiskNotFound = new("BackupDiskNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BackupRequestMixed = new("BackupRequestMixed", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupSinceCopy = new("BackupSinceCopy", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupManifestBroken = new("BackupManifestBroken", ErrorKind.CorruptData);
    public static readonly ErrorId BackupManifestTooLarge = new("BackupManifestTooLarge", ErrorKind.Unsupported);
    public static readonly ErrorId BackupFormatUnknown = new("BackupFormatUnknown", ErrorKind.Unsupported);
    public static readonly ErrorId BackupChainBroken = new("BackupChainBroken", ErrorKind.CorruptData);
    public static readonly ErrorId BackupCorrupt = new("BackupCorrupt", ErrorKind.CorruptData);
    public static readonly ErrorId BackupImageMismatch = new("BackupImageMismatch", ErrorKind.CorruptData);
    public static readonly ErrorId BackupNewestBroken = new("BackupNewestBroken", ErrorKind.InvalidState);
    public static readonly ErrorId BackupDescriptionTooLong = new("BackupDescriptionTooLong", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupMachineEnded = new("BackupMachineEnded", ErrorKind.InvalidState);
    public static readonly ErrorId BackupViewBroken = new("BackupViewBroken", ErrorKind.InvalidState);
    public static readonly ErrorId BackupPullUnsupported = new("BackupPullUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId RestoreDestinationMissing = new("RestoreDestinationMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId BackupRewriteDiffers = new("BackupRewriteDiffers", ErrorKind.CorruptData);
    public static readonly ErrorId RestoreBackupOptions = new("RestoreBackupOptions", ErrorKind.InvalidArgument);
    public static readonly ErrorId RestoreFormatUnsupported = new("RestoreFormatUnsupported", ErrorKind.InvalidArgument);
    public static readonly ErrorId RestoreJobFailed = new("RestoreJobFailed", ErrorKind.Refused);

    private const int MostCandidates = 12;
    private const string DamageAdvice = "Restore an older backup that does not need this one, or get the file back from a copy of the repository.";

    /// <param name="path">The manifest, or the directory that should have one.</param>
    /// <param name="rule">What is wrong, without a full stop.</param>
    public static MomentException ManifestBroken(string path, string rule, Exception? inner = null) => new(
        BackupManifestBroken, $"Cannot use the manifest at '{path}': {rule}.", path,
        "Get the file back from a copy of the repository. The other backups can be used, unless they stand on this one.", inner);

    /// <param name="why">What is wrong, without a full stop.</param>
    public static MomentException Corrupt(string path, string why) => new(
        BackupCorrupt, $"The backup's file '{path}' is damaged: {why}.", path, DamageAdvice);

    /// <param name="why">What is wrong, without a full stop.</param>
    public static MomentException ImageMismatch(string path, string why, Exception? inner = null) => new(
        BackupImageMismatch, $"The backup's image '{path}' is not what its manifest says: {why}.", path, DamageAdvice, inner);

    public static MomentException ChainBroken(string id, string disk, string missing, string why) => new(
        BackupChainBroken, $"The backup '{id}' cannot be used for the disk '{disk}': it stands on the backup '{missing}', {why}.", missing,
        "Restore another backup, or get the missing one back from a copy of the repository.");

    public static MomentException DescriptionTooLong(string vm, int length) => new(
        BackupDescriptionTooLong, $"Cannot back up '{vm}' with this description: it has {length} characters, more than the {BackupManifestRules.LongestText} that a manifest may hold.", vm, "Shorten it.");

    /// <summary>The guest shut down, or QEMU was stopped or killed, while the disks were being copied.</summary>
    public static MomentException MachineEnded(string vm, Exception reason) => new(
        BackupMachineEnded, $"The backup of '{vm}' was not finished: the machine ended while its disks were copied, because its guest shut down or QEMU was stopped. {reason.Message}", vm,
        "Nothing was kept of this backup, and the earlier ones are as they were. Run the command again: a stopped machine can be backed up too.", reason);

    /// <param name="first">The machine's first backup.</param>
    public static MomentException NoneBefore(BackupManifest first, DateTimeOffset until) => new(
        BackupNoneBefore,
        string.Create(CultureInfo.InvariantCulture, $"There is no backup of '{first.Vm}' at or before {until.ToLocalTime():yyyy-MM-dd HH:mm:ss zzz}: the first one, '{first.Id}', was made {first.Created.ToLocalTime():yyyy-MM-dd HH:mm:ss zzz}."), first.Id,
        "Give a later time, or the id of a backup.");

    /// <param name="why">Which options do not go together, a whole sentence.</param>
    public static MomentException Options(string why, string advice) => new(RestoreBackupOptions, $"Cannot restore the backup: {why}", null, advice);

    /// <param name="why">What is wrong with the view, without a full stop.</param>
    public static MomentException ViewBroken(string vm, string why, Exception? inner) => new(
        BackupViewBroken, $"The backup of '{vm}' was not finished: what it reads was lost, because {why}.", vm,
        "Nothing was kept of this backup. Give the scratch files more room with -ScratchDirectory or -ScratchLimit, or let QEMU copy by itself: leave out -Pull.", inner);

    public static MomentException PullWithIoThread(string vm, Qmp.QmpVersion version) => new(
        BackupPullUnsupported, $"Cannot back up '{vm}' by pull: it has I/O threads, and QEMU {version} ends, and the guest with it, when a reader of such a disk leaves.", vm,
        "Leave out -Pull: QEMU then copies by itself. Or use QEMU 9.0 or newer, or start the machine without <iothreads>.");

    public static MomentException NotFound(ErrorId id, string sentence, string target, IEnumerable<string> candidates, string what)
    {
        string[] known = [.. candidates.Take(MostCandidates)];
        string advice = known.Length == 0 ? $"There are no {what}." : $"The {what} are: {string.Join(", ", known.Select(XmlErrors.Quote))}.";
        return new MomentException(id, sentence, target, advice);
    }
}
