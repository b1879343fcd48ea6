using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>What a new backup may stand on, as it was asked for. A copy is never among it.</summary>
internal sealed class BackupCandidates
{
    private readonly VMBackupKind _wanted;
    private readonly BackupManifest? _since;

    private BackupCandidates(IReadOnlyList<BackupManifest> backups, VMBackupKind wanted, BackupManifest? since) => (All, _wanted, _since) = (backups, wanted, since);

    /// <summary>All backups of the machine that can be read, the oldest first.</summary>
    public IReadOnlyList<BackupManifest> All { get; }

    /// <summary>Why a disk without a candidate has none.</summary>
    public string None =>
        _since is not null ? $"the backup '{_since.Id}' does not have it"
        : _wanted == VMBackupKind.Differential ? "the repository has no full backup of it yet"
        : "the repository has no backup of it yet";

    /// <param name="backups">All backups of the machine that can be read, the oldest first.</param>
    /// <param name="wanted">What was asked for.</param>
    /// <param name="since">For a differential one: the id of a backup, or the name of its checkpoint; null for the newest full one of each disk.</param>
    public static BackupCandidates Choose(IReadOnlyList<BackupManifest> backups, VMBackupKind wanted, string? since) =>
        new(backups, wanted, since is null ? null : Find(backups, since));

    /// <summary>The candidates for one disk, the best first.</summary>
    public IEnumerable<BackupManifest> For(string disk)
    {
        IEnumerable<BackupManifest> known = (_since is null ? All.Reverse() : [_since]).Where(backup => backup.Kind != VMBackupKind.Copy && backup.FindDisk(disk) is not null);
        return _wanted == VMBackupKind.Differential && _since is null ? known.Where(backup => backup.FindDisk(disk)!.Kind == VMBackupKind.Full).Take(1) : known;
    }

    private static BackupManifest Find(IReadOnlyList<BackupManifest> backups, string since)
    {
        BackupManifest found = backups.FirstOrDefault(backup => backup.Id == since) ?? backups.LastOrDefault(backup => backup.Checkpoint == since)
            ?? throw BackupErrors.NotFound(
                BackupErrors.BackupNotFound, $"Cannot back up what changed since {XmlErrors.Quote(since)}: the repository has no backup of this id, and none that made this checkpoint.", since,
                backups.Select(backup => backup.Id).Reverse(), "newest backups");
        return found.Kind != VMBackupKind.Copy ? found : throw new MomentException(
            BackupErrors.BackupSinceCopy, $"Cannot back up what changed since the backup '{found.Id}': it is a copy, and no backup stands on a copy.", since,
            "Name another backup, or leave out -Since: the newest full one is then taken.");
    }
}
