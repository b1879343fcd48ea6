namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// How much larger backups become that get new files, from what the images say they store. An estimate: tables are not counted, and zeroes that must
/// hide what lies beneath are counted as if they took space.
/// </summary>
internal static class RemovalEstimate
{
    /// <param name="step">The backup and its new parents.</param>
    /// <param name="backups">All of the machine that can be read.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>The bytes by which it grows.</returns>
    public static async Task<long> GrowthAsync(RewriteStep step, IReadOnlyList<BackupManifest> backups, CancellationToken cancellation)
    {
        long growth = 0;
        foreach ((string name, string? parent) in step.NewParents)
        {
            RewrittenDisk disk = await RewrittenDisk.PlanAsync(backups, step.Backup, name, parent, cancellation);
            BackupManifestDisk old = disk.Chain.Top.Disk;
            long added = disk.Map.Compressed ? disk.Room - old.FileSize : disk.Map.Blocks.TotalLength - old.CopiedBytes;
            growth += Math.Max(0, added);
        }

        return growth;
    }
}
