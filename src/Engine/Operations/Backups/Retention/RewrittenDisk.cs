namespace MomentTools.Operations.Backups.Retention;

/// <summary>One disk of a backup that gets a new file: the files it is made of, what it will stand on, and what it has to store.</summary>
/// <param name="Chain">The files as they are.</param>
/// <param name="Parent">What the new file stands on, or null: nothing.</param>
/// <param name="Map">What is stored.</param>
internal sealed record RewrittenDisk(BackupChain Chain, BackupChain? Parent, RewriteMap Map)
{
    // Tables take less than a thousandth of what they describe; the rest is the head and room to spare.
    private const int DataPerTable = 512;
    private const long HeadLength = 1 << 20;

    public string Name => Chain.Top.Disk.Name;

    public long Size => Chain.Top.Disk.VirtualSize;

    public string? ParentId => Parent?.Top.Backup.Id;

    public string? BackingName => ParentId is { } id ? BackupStaging.BackingName(id, Name) : null;

    /// <summary>The backups that it stands on now and will not any more.</summary>
    public IEnumerable<string> Left => Chain.Links.Skip(1).Select(link => link.Backup.Id).Except(Parent?.Links.Select(link => link.Backup.Id) ?? [], StringComparer.Ordinal);

    /// <summary>Bytes that the new file may take.</summary>
    public long Room
    {
        get
        {
            long data = Map.Blocks.TotalLength;
            // Compressed again it takes about what it took.
            if (Map.Compressed)
                data = Math.Min(data, Map.Read.Sum(link => link.Disk.FileSize));
            return data + data / DataPerTable + HeadLength;
        }
    }

    public static async Task<RewrittenDisk> PlanAsync(
        IReadOnlyList<BackupManifest> backups, BackupManifest backup, string disk, string? parentId, CancellationToken cancellation)
    {
        BackupChain chain = BackupChain.Resolve(backups, backup, disk);
        BackupChain? parent = null;
        if (parentId is not null)
        {
            BackupManifest found = backups.FirstOrDefault(one => one.Id == parentId)
                ?? throw BackupErrors.ChainBroken(backup.Id, disk, parentId, "which is missing or whose manifest cannot be read");
            parent = BackupChain.Resolve(backups, found, disk);
            if (parent.Links.Any(link => link.Backup.Id == backup.Id))
                throw BackupErrors.ChainBroken(backup.Id, disk, parentId, "which stands on it: the chain would have no end");
        }

        foreach (BackupChain.Link link in chain.Links.Concat(parent?.Links ?? []))
            await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
        return new RewrittenDisk(chain, parent, await RewriteMap.MakeAsync(chain, parent, cancellation));
    }
}
