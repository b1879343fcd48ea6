using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// What has to be looked at to tell whether backups are sound: their disks' files with all that those stand on, each once, and the places
/// where a chain is not closed.
/// </summary>
internal sealed class CheckedChains
{
    private readonly Dictionary<string, BackupManifest> _known;
    private readonly Dictionary<(string Id, string Disk), BackupChain.Link> _links = [];
    private readonly List<(BackupChain.Link Link, MomentException Failure)> _breaks = [];
    private readonly ILookup<(string Id, string Disk), string> _above;

    /// <param name="backups">All backups of the machine that can be read.</param>
    /// <param name="chosen">Those that are to be tested.</param>
    /// <param name="disks">The disks; empty means all.</param>
    public CheckedChains(IReadOnlyList<BackupManifest> backups, IEnumerable<BackupManifest> chosen, IReadOnlyList<string> disks)
    {
        _known = backups.ToDictionary(backup => backup.Id, StringComparer.Ordinal);
        _above = backups.SelectMany(backup => backup.Disks.Where(disk => disk.ParentId is not null).Select(disk => (Parent: (disk.ParentId!, disk.Name), backup.Id)))
            .ToLookup(edge => edge.Parent, edge => edge.Id);
        foreach (BackupManifest backup in chosen)
            foreach (BackupManifestDisk disk in backup.Disks.Where(disk => disks.Count == 0 || disks.Contains(disk.Name, StringComparer.Ordinal)))
                Follow(backup, disk);
        FindCircles();
    }

    /// <summary>The files, the oldest backup's first.</summary>
    public IReadOnlyList<BackupChain.Link> Files =>
        [.. _links.Values.OrderBy(link => link.Backup.Id, StringComparer.Ordinal).ThenBy(link => link.Disk.Name, StringComparer.Ordinal)];

    /// <summary>The backups that have those files, the oldest first.</summary>
    public IReadOnlyList<BackupManifest> Backups => [.. Files.Select(link => link.Backup).Distinct()];

    /// <summary>Where a chain does not go on.</summary>
    public IReadOnlyList<(BackupChain.Link Link, MomentException Failure)> Breaks => _breaks;

    /// <summary>The other backups, tested or not, that cannot be used without a backup's file of a disk; the oldest first.</summary>
    public IReadOnlyList<string> Above(string id, string disk)
    {
        HashSet<string> above = new(StringComparer.Ordinal);
        Stack<string> open = new([id]);
        while (open.TryPop(out string? at))
            foreach (string child in _above[(at, disk)])
                if (child != id && above.Add(child))
                    open.Push(child);
        return [.. above.Order(StringComparer.Ordinal)];
    }

    private void Follow(BackupManifest backup, BackupManifestDisk disk)
    {
        while (_links.TryAdd((backup.Id, disk.Name), new BackupChain.Link(backup, disk)) && disk.ParentId is { } parentId)
        {
            BackupManifest? parent = _known.GetValueOrDefault(parentId);
            if (parent?.FindDisk(disk.Name) is not { } beneath)
            {
                string why = parent is null ? "which is missing or whose manifest cannot be read" : "which does not have this disk";
                _breaks.Add((new BackupChain.Link(backup, disk), BackupErrors.ChainBroken(backup.Id, disk.Name, parentId, why)));
                return;
            }

            (backup, disk) = (parent, beneath);
        }
    }

    // Each file stands on one other at most: who comes back to a file of the same walk goes in a circle.
    private void FindCircles()
    {
        Dictionary<(string, string), int> walks = [];
        int walk = 0;
        foreach (BackupChain.Link first in _links.Values)
        {
            walk++;
            for (BackupChain.Link? at = first; at is not null; at = Beneath(at))
            {
                if (walks.TryAdd((at.Backup.Id, at.Disk.Name), walk))
                    continue;
                if (walks[(at.Backup.Id, at.Disk.Name)] == walk)
                    _breaks.Add((at, BackupErrors.ChainBroken(at.Backup.Id, at.Disk.Name, at.Disk.ParentId!, "which stands on this one again: the chain has no end")));
                break;
            }
        }
    }

    private BackupChain.Link? Beneath(BackupChain.Link link) => link.Disk.ParentId is { } parent ? _links.GetValueOrDefault((parent, link.Disk.Name)) : null;
}
