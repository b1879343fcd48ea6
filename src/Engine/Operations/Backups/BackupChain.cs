using MomentTools.Machines;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>The files that one disk of one backup consists of, the newest first. A disk's chain may skip backups.</summary>
internal sealed class BackupChain
{
    private BackupChain(IReadOnlyList<Link> links) => Links = links;

    public IReadOnlyList<Link> Links { get; }

    public Link Top => Links[0];

    /// <summary>Follows each file's parent down to a full one.</summary>
    /// <param name="backups">All backups of the machine that can be read.</param>
    public static BackupChain Resolve(IReadOnlyList<BackupManifest> backups, BackupManifest backup, string diskName)
    {
        Dictionary<string, BackupManifest> known = backups.ToDictionary(one => one.Id, StringComparer.Ordinal);
        known[backup.Id] = backup;
        HashSet<string> seen = new(StringComparer.Ordinal) { backup.Id };
        BackupManifestDisk disk = backup.FindDisk(diskName) ?? throw UnknownDisk(backup, diskName);
        List<Link> links = [new Link(backup, disk)];
        while (disk.ParentId is { } parentId)
        {
            if (!known.TryGetValue(parentId, out BackupManifest? parent))
                throw BackupErrors.ChainBroken(backup.Id, diskName, parentId, "which is missing or whose manifest cannot be read");
            if (!seen.Add(parentId))
                throw BackupErrors.ChainBroken(backup.Id, diskName, parentId, "which stands on itself: the chain has no end");
            disk = parent.FindDisk(diskName) ?? throw BackupErrors.ChainBroken(backup.Id, diskName, parentId, "which does not have this disk");
            links.Add(new Link(parent, disk));
        }

        return new BackupChain(links);
    }

    /// <summary>The layers as a storage daemon opens them: all frozen, formats and order ours and never the files'.</summary>
    /// <param name="prefix">What the node names begin with.</param>
    public IReadOnlyList<ImageLayer> Layers(string prefix) =>
        [.. Links.Select((link, i) => new ImageLayer($"{prefix}{i}", link.Path, "qcow2", ReadOnly: true, IsBlockDevice: false))];

    /// <summary>Opens the files for reading, as they are frozen: all that are in the chain, and no other, whatever their headers name.</summary>
    public async Task<Qcow2Chain> OpenAsync(CancellationToken cancellation)
    {
        foreach (Link link in Links)
            await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
        return await Qcow2Chain.OpenAsync([.. Links.Select(link => link.Path)], cancellation);
    }

    public static Errors.MomentException UnknownDisk(BackupManifest backup, string diskName) => BackupErrors.NotFound(
        BackupErrors.BackupDiskNotFound, $"The backup '{backup.Id}' of '{backup.Vm}' has no disk '{diskName}'.", diskName, backup.Disks.Select(disk => disk.Name), "disks in it");

    /// <summary>One file of a chain.</summary>
    internal sealed record Link(BackupManifest Backup, BackupManifestDisk Disk)
    {
        public string Path => Backup.PathOf(Disk);

        /// <summary>The backing file's name as the image must have it: relative, so that a repository can be moved.</summary>
        public string? BackingName => Disk.ParentId is null ? null : BackupStaging.BackingName(Disk.ParentId, Disk.Name);
    }
}
