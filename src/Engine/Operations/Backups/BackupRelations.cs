namespace MomentTools.Operations.Backups;

/// <summary>What depends on what among the backups of one machine, disk by disk, and their results.</summary>
internal sealed class BackupRelations
{
    private readonly Dictionary<string, BackupManifest> _backups;
    private readonly ILookup<string, string> _dependents;

    /// <param name="backups">All backups of the machine that can be read.</param>
    public BackupRelations(IEnumerable<BackupManifest> backups)
    {
        _backups = backups.ToDictionary(backup => backup.Id, StringComparer.Ordinal);
        _dependents = _backups.Values.SelectMany(backup => DependsOn(backup).Select(parent => (Parent: parent, backup.Id)))
            .OrderBy(edge => edge.Id, StringComparer.Ordinal).ToLookup(edge => edge.Parent, edge => edge.Id, StringComparer.Ordinal);
    }

    /// <summary>The backups that its disks stand on directly, oldest first; they need not be there.</summary>
    public static IEnumerable<string> DependsOn(BackupManifest backup) =>
        backup.Disks.Select(disk => disk.ParentId).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>The backups of which a disk stands on this one directly, oldest first.</summary>
    public IEnumerable<string> Dependents(string id) => _dependents[id];

    /// <summary>The full backup at the bottom of its first disk; null where the chain does not reach one.</summary>
    public string? Chain(BackupManifest backup)
    {
        string disk = backup.Disks[0].Name;
        // No chain is longer than there are backups: where it goes on, it goes in a circle.
        for (int steps = 0; steps <= _backups.Count; steps++)
        {
            if (backup.FindDisk(disk) is not { } entry)
                return null;
            if (entry.ParentId is null)
                return backup.Id;
            if (!_backups.TryGetValue(entry.ParentId, out BackupManifest? parent))
                return null;
            backup = parent;
        }

        return null;
    }

    /// <param name="backup">One of those that were given.</param>
    /// <param name="repository">The repository's directory.</param>
    public VMBackup ToResult(BackupManifest backup, string repository) => new()
    {
        VM = backup.Vm,
        Id = backup.Id,
        Parent = backup.Parent,
        Kind = backup.Kind,
        Mode = backup.Mode,
        Description = backup.Description,
        Created = backup.Created,
        Checkpoint = backup.Checkpoint,
        HasFirmware = backup.Firmware is not null,
        DependsOn = [.. DependsOn(backup)],
        Dependents = [.. Dependents(backup.Id)],
        Chain = Chain(backup),
        Repository = repository,
        Uuid = backup.Uuid,
        Disks =
        [
            .. backup.Disks.Select(disk => new VMBackupDisk
            {
                Name = disk.Name,
                Kind = disk.Kind,
                ParentId = disk.ParentId,
                Compared = disk.Compared,
                Reason = disk.Reason,
                Path = backup.PathOf(disk),
                Size = disk.VirtualSize,
                StoredSize = disk.FileSize,
                CopiedBytes = disk.CopiedBytes,
                Extents = disk.Extents,
            }),
        ],
    };
}
