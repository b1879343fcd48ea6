using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// Test-VMBackup -Source: all that was not recorded as changed since a backup's checkpoint must be on the machine's disk what it is in the
/// backup. Where the way from the checkpoint to now is not proven nothing can be said, and that is a finding.
/// </summary>
internal sealed class SourceComparison(EngineContext context, string vm, BackupFindings findings, IOperationReport report)
{
    // Fine enough to tell the place, coarse enough to compare fast.
    private const int Granularity = 4096;

    /// <summary>Compares these backups, disk by disk.</summary>
    /// <param name="backups">All backups of the machine that can be read.</param>
    /// <param name="tested">Those to compare.</param>
    /// <param name="disks">The disks; empty means all.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task RunAsync(IReadOnlyList<BackupManifest> backups, IReadOnlyList<BackupManifest> tested, IReadOnlyList<string> disks, CancellationToken cancellation)
    {
        (BackupManifest Backup, BackupManifestDisk Disk)[] asked =
            [.. tested.SelectMany(backup => backup.Disks.Where(disk => disks.Count == 0 || disks.Contains(disk.Name, StringComparer.Ordinal)).Select(disk => (backup, disk)))];
        if (asked.Length == 0)
            return;
        if (FindPlace(tested[0].Uuid) is not { } place)
        {
            foreach ((BackupManifest backup, BackupManifestDisk disk) in asked)
                AddUnproven(backup, disk, $"no domain with the UUID {backup.Uuid} is registered here");
            return;
        }

        (BackupManifest Backup, BackupManifestDisk Disk)[] known = [.. Known(place, asked)];
        if (known.Length == 0)
            return;
        SourceDisks source;
        try
        {
            source = await SourceDisks.OpenAsync(context, place, [.. known.Select(one => one.Disk.Name).Distinct(StringComparer.Ordinal)], report, cancellation);
        }
        catch (MomentException failure)
        {
            foreach ((BackupManifest backup, BackupManifestDisk disk) in known)
                AddUnproven(backup, disk, failure.Message, failure);
            return;
        }

        await using (source)
            foreach ((BackupManifest backup, BackupManifestDisk disk) in known)
                await CompareAsync(source, backups, backup, disk, cancellation);
    }

    private DomainPlace? FindPlace(Guid uuid)
    {
        // It may have been renamed since.
        foreach (string name in context.Catalogue.Names().OrderByDescending(name => name == vm))
        {
            try
            {
                DomainPlace place = context.Catalogue.Place(name);
                if (context.Catalogue.Load(place).Uuid == uuid)
                    return place;
            }
            catch (MomentException failure)
            {
                report.Verbose(failure.Message);
            }
        }

        return null;
    }

    // The checkpoint of the name must be the very one, and cover the disk.
    private IEnumerable<(BackupManifest Backup, BackupManifestDisk Disk)> Known(DomainPlace place, IEnumerable<(BackupManifest Backup, BackupManifestDisk Disk)> asked)
    {
        DomainMoments state = new MomentStore(place.StateDirectory).Load(failure => report.Verbose(failure.Message));
        foreach ((BackupManifest backup, BackupManifestDisk disk) in asked)
        {
            if (backup.Checkpoint is null)
                AddUnproven(backup, disk, "it is a copy, which has no checkpoint on the machine");
            else if (context.Catalogue.Load(place).FindDisk(disk.Name) is null)
                AddUnproven(backup, disk, "the machine does not have the disk any more");
            else if (state.Disk(disk.Name).PointOf(new MomentKey(MomentKind.Checkpoint, backup.Checkpoint)) is not { } point)
                AddUnproven(backup, disk, $"its checkpoint '{backup.Checkpoint}' is not on the machine any more, or does not cover the disk");
            else if (point.Id != disk.PointId)
                AddUnproven(backup, disk, $"the checkpoint '{backup.Checkpoint}' of the machine is not the one that the backup made");
            else
                yield return (backup, disk);
        }
    }

    private async Task CompareAsync(SourceDisks source, IReadOnlyList<BackupManifest> backups, BackupManifest backup, BackupManifestDisk disk, CancellationToken cancellation)
    {
        try
        {
            DiskChanges changes = await source.SinceAsync(backup.Checkpoint!, disk.Name, cancellation);
            await using Qcow2Chain stored = await BackupChain.Resolve(backups, backup, disk.Name).OpenAsync(cancellation);
            await using IBlockReader now = await ((BlockContent)changes.Content!).OpenReaderAsync(cancellation);
            long common = Math.Min(stored.Length, now.Length);
            ExtentMap equal = ExtentMap.Of(new Extent(0, common)).Subtract(changes.Blocks);
            IBlockReader Beginning(IBlockReader whole) => new MaskedReader(new ClippedReader(whole, common), equal);
            var progress = new ComparisonProgress(report, $"Comparing the backups of {vm} with it", $"{disk.Name}: {backup.Id}", common);
            ExtentMap differing = (await new BlockComparison(Beginning(stored), Beginning(now), Granularity).RunAsync(progress, cancellation)).Intersect(equal);
            report.Verbose($"Disk '{disk.Name}' of the backup '{backup.Id}': {equal.TotalLength} bytes were compared, {changes.Blocks.TotalLength} changed since and could not be.");
            if (differing.Count > 0)
            {
                long offset = await FirstAsync(stored, now, differing[0], cancellation);
                findings.Add(backup.Id, BackupCheckErrors.Differs(vm, backup.Id, disk.Name, offset, differing.TotalLength, differing.Count), disk.Name, backup.PathOf(disk), offset);
            }
        }
        catch (MomentException failure)
        {
            AddUnproven(backup, disk, failure.Message, failure);
        }
    }

    private static async Task<long> FirstAsync(Qcow2Chain one, IBlockReader other, Extent run, CancellationToken cancellation)
    {
        byte[] left = new byte[Math.Min(run.Length, Granularity)], right = new byte[left.Length];
        await one.ReadAsync(run.Offset, left, cancellation);
        await other.ReadAsync(run.Offset, right, cancellation);
        return run.Offset + left.AsSpan().CommonPrefixLength(right);
    }

    private void AddUnproven(BackupManifest backup, BackupManifestDisk disk, string why, Exception? inner = null) =>
        findings.Add(backup.Id, BackupCheckErrors.Unproven(vm, backup.Id, disk.Name, why, inner), disk.Name, backup.PathOf(disk));

    private sealed class ComparisonProgress(IOperationReport report, string activity, string status, long total) : IProgress<long>
    {
        private const long TellEvery = 64 << 20;
        private long _told = -TellEvery;

        public void Report(long value)
        {
            if (value - _told < TellEvery && value < total)
                return;
            _told = value;
            report.Progress(new OperationProgress(activity, status, value, total));
        }
    }
}
