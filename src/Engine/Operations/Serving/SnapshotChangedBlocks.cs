using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Get-VMChangedBlock -Snapshot: what changed from a moment up to the instant that a block snapshot holds, and, where asked, its content.</summary>
internal sealed class SnapshotChangedBlocks(EngineContext context)
{
    public async Task<IReadOnlyList<DiskChanges>> RunAsync(
        string vm, string since, string snapshot, IReadOnlyList<string> disks, bool withKinds, bool withContent, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Get-VMChangedBlock", context.LockTimeout, cancellation);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        MomentKey from = state.Tree(out _).Require(since).Key;
        BlockSnapshotRecord record = Find(place, snapshot, report);
        BlockSnapshotRecordDisk[] covered = Covered(domain, state, record, from, disks);
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        await using BlockSession? machine = runs
            ? await BlockSession.OpenAsync(place, domain, [.. covered.Select(disk => disk.Name).Where(disk => domain.FindDisk(disk) is not null)], BlockAccess.Read, cancellation) : null;
        var asked = new SnapshotChanges(place, domain, state, machine);
        List<DiskChanges> changes = [];
        foreach (BlockSnapshotRecordDisk disk in covered)
        {
            ExtentMap blocks = await asked.SinceAsync(new ServedInstant(record.Name, disk.Name, disk.Size, disk.Point, disk.Node, disk.Copy, disk.CopySidecar, disk.Doubt), from, cancellation);
            changes.Add(new DiskChanges(disk.Name, disk.Size, blocks, null));
        }

        if (!withKinds)
            return changes;
        // QEMU's monitor takes one client at a time.
        if (machine is not null)
            await machine.DisposeAsync();
        List<DiskChanges> whole = [];
        foreach ((DiskChanges found, BlockSnapshotRecordDisk disk) in changes.Zip(covered))
        {
            Task<SnapshotReader> OpenAsync(CancellationToken token) =>
                SnapshotReader.OpenAsync(opening => SnapshotLine.OpenAsync(place, domain, record, opening), place.RuntimeDirectory, BlockSnapshotView.AccessNode(record, disk), token);
            await using SnapshotReader reader = await OpenAsync(cancellation);
            whole.Add(found with
            {
                Zero = await reader.ZeroesAsync(found.Blocks, cancellation),
                Content = withContent ? new BlockContent(async token => await OpenAsync(token)) : null,
            });
        }

        return whole;
    }

    private static BlockSnapshotRecord Find(DomainPlace place, string snapshot, IOperationReport report)
    {
        IReadOnlyList<BlockSnapshotRecord> all = new ServiceRecords(place.StateDirectory).Snapshots(report.Failure);
        return all.FirstOrDefault(record => record.Name == snapshot) ?? throw ServingErrors.NotFound(place.Name, snapshot, [.. all.Select(record => record.Name)]);
    }

    private static BlockSnapshotRecordDisk[] Covered(DomainDocument domain, DomainMoments state, BlockSnapshotRecord record, MomentKey since, IReadOnlyList<string> disks)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string disk in disks)
        {
            if (!seen.Add(disk))
                throw new MomentException(XmlErrors.DiskNamedTwice, $"The disk '{disk}' of '{domain.Name}' is named twice.", disk, "Name each disk once.");
            if (record.Disks.All(one => one.Name != disk))
                throw domain.FindDisk(disk) is null ? DiskNaming.Unknown(disk, domain)
                    : new MomentException(OperationErrors.DiskNotCovered, $"Block snapshot '{record.Name}' of '{domain.Name}' does not cover disk '{disk}'.", disk, "Get-VMBlockSnapshot shows which disks it covers.");
            if (state.Disk(disk).PointOf(since) is null)
                throw ExportErrors.NotCovered(domain, disk, since);
        }

        BlockSnapshotRecordDisk[] covered = [.. record.Disks.Where(disk => disks.Count > 0 ? seen.Contains(disk.Name) : state.Disk(disk.Name).PointOf(since) is not null)];
        return covered.Length > 0 ? covered : throw new MomentException(
            OperationErrors.DiskNotCovered, $"'{since.Name}' and block snapshot '{record.Name}' of '{domain.Name}' cover no disk together.", since.Name, "Get-VMMoment shows which disks a moment covers.");
    }
}
