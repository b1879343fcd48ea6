using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>Holds the records of block snapshots and block exports against QEMU, the storage daemons, the scratch files and the pinned points.</summary>
internal static class ServingCheck
{
    /// <param name="place">The domain.</param>
    /// <param name="domain">Its definition.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="look">Whether to look at more than the records: not while somebody works on them.</param>
    /// <param name="findings">Where the findings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task RunAsync(DomainPlace place, DomainDocument domain, DomainMoments state, bool look, FindingList findings, CancellationToken cancellation)
    {
        var records = new ServiceRecords(place.StateDirectory);
        List<MomentException> broken = [];
        IReadOnlyList<BlockSnapshotRecord> snapshots = records.Snapshots(broken.Add);
        IReadOnlyList<BlockExportRecord> exports = records.Exports(broken.Add);
        foreach (MomentException failure in broken)
            findings.Add(FindingIds.ServiceRecordInvalid, FindingList.Warning, failure.Message, failure.Advice ?? "", file: failure.Target);
        // What a record that cannot be read stands for, nobody can say.
        if (broken.Count == 0)
            foreach ((string disk, IReadOnlyList<string> points) in Unheld(state, snapshots))
                findings.Add(FindingIds.PointPinned, FindingList.Information,
                    $"Disk '{disk}' keeps {(points.Count == 1 ? "a point" : string.Create(CultureInfo.InvariantCulture, $"{points.Count} points"))} of its history for block snapshots of which there is no record.",
                    $"'{findings.Repair}' lets {(points.Count == 1 ? "it" : "them")} go.", disk: disk);
        if (!look)
            return;
        ServingTraces traces = await ServingTraces.ReadAsync(place, domain, cancellation);
        ILookup<string, string> ended = Ended(snapshots, exports, traces, DateTimeOffset.UtcNow).ToLookup(one => one.Id, one => one.Why, StringComparer.Ordinal);
        foreach (BlockSnapshotRecord record in snapshots.Where(record => ended.Contains(record.Id)))
            Tell($"Block snapshot '{record.Name}' is over: {ended[record.Id].First()}.", ServiceRecords.PathOf(record));
        foreach (BlockExportRecord record in exports.Where(record => ended.Contains(record.Id)))
            Tell($"The block export of {FindingList.Listed([.. record.Disks.Select(disk => disk.Name)])} at {record.Address} is over: {ended[record.Id].First()}.", ServiceRecords.PathOf(record));
        CheckScratch(domain, [.. snapshots.Where(record => !ended.Contains(record.Id))], snapshots, broken.Count == 0, findings);
        if (broken.Count == 0)
            CheckLeftovers(traces, snapshots.Select(record => record.Id).Concat(exports.Select(record => record.Id)).ToHashSet(StringComparer.Ordinal), Daemons(snapshots, exports), findings);

        void Tell(string text, string path) => findings.Add(FindingIds.ServiceEnded, FindingList.Warning, text,
            $"The next command that changes '{place.Name}' takes down what is left of it, as does '{findings.Repair}'.", file: Path.Combine(place.StateDirectory, path));
    }

    /// <summary>The pinned points that no block snapshot refers to, by disk.</summary>
    public static IEnumerable<(string Disk, IReadOnlyList<string> Points)> Unheld(DomainMoments state, IReadOnlyList<BlockSnapshotRecord> snapshots)
    {
        HashSet<(string, string)> held = [.. snapshots.SelectMany(record => record.Disks).Where(disk => disk.Point is not null).Select(disk => (disk.Name, disk.Point!))];
        return state.Disks.Values.Select(disk => (disk.Disk, Points: (IReadOnlyList<string>)[.. disk.Points.Values.Where(point => point.Pinned && !held.Contains((disk.Disk, point.Id))).Select(point => point.Id)]))
            .Where(disk => disk.Points.Count > 0);
    }

    /// <summary>The storage daemons that records name.</summary>
    public static IReadOnlySet<int> Daemons(IReadOnlyList<BlockSnapshotRecord> snapshots, IReadOnlyList<BlockExportRecord> exports) =>
        snapshots.Select(record => record.Daemon).Concat(exports.SelectMany(record => new[] { record.Source, record.Relay })).OfType<ServingProcess>().Select(daemon => daemon.ProcessId).ToHashSet();

    private static IEnumerable<(string Id, string Why)> Ended(IReadOnlyList<BlockSnapshotRecord> snapshots, IReadOnlyList<BlockExportRecord> exports, ServingTraces traces, DateTimeOffset now)
    {
        foreach (BlockSnapshotRecord record in snapshots)
        {
            if (BlockSnapshotListing.IsOrphan(record, exports, now) is { } orphan)
                yield return (record.Id, orphan);
            else if (record.Daemon is { } daemon ? !ServingDaemon.IsAlive(daemon) : traces.Known && !record.Disks.Any(disk => traces.Nodes.Contains(BlockSnapshotView.AccessNode(record, disk))))
                yield return (record.Id, record.Daemon is null ? "the machine has ended since, or was started anew" : "the storage daemon that held the disks has ended");
        }

        foreach (BlockExportRecord record in exports)
        {
            if (record.Owner.IsDead(now))
                yield return (record.Id, record.Owner.Expires <= now ? "its lease ran out" : "the session that it belongs to has ended");
            else if (new[] { record.Source, record.Relay }.OfType<ServingProcess>().FirstOrDefault(daemon => !ServingDaemon.IsAlive(daemon)) is { } dead)
                yield return (record.Id, string.Create(CultureInfo.InvariantCulture, $"the storage daemon that {(dead == record.Relay ? "passed it on" : "held the disks")} (process {dead.ProcessId}) has ended"));
            else if (record.Source is null && traces.Known && !record.Disks.Any(disk => traces.Exports.Contains(string.Create(CultureInfo.InvariantCulture, $"mt-e-{record.Id}-{disk.Number}"))))
                yield return (record.Id, "the machine has ended since, or somebody ended its export");
        }
    }

    private static void CheckScratch(DomainDocument domain, IReadOnlyList<BlockSnapshotRecord> alive, IReadOnlyList<BlockSnapshotRecord> all, bool whole, FindingList findings)
    {
        foreach ((BlockSnapshotRecord record, BlockSnapshotRecordDisk disk) in alive.SelectMany(record => record.Disks.Where(disk => disk.ScratchPath is not null).Select(disk => (record, disk))))
            if (FileStamp.Of(disk.ScratchPath!) is var stamp && (stamp?.Device != disk.ScratchDevice || stamp.Inode != disk.ScratchInode))
                findings.Add(FindingIds.ScratchReplaced, FindingList.Warning,
                    $"The scratch file '{disk.ScratchPath}' of block snapshot '{record.Name}' {(stamp is null ? "is gone: somebody removed it" : "is another file than the one that was made")}. QEMU still has the right one open, and the block snapshot can be read as long as it has; its space is not free before that.",
                    $"'Remove-VMBlockSnapshot {findings.Vm} {FindingList.Word(record.Name)}' ends it when it is not needed any more; another file is left alone.", disk: disk.Name, file: disk.ScratchPath);
        if (!whole || domain.Uuid is not { } uuid)
            return;
        HashSet<string> known = [.. all.SelectMany(record => record.Disks).Select(disk => disk.ScratchPath).OfType<string>()];
        string mark = $".{uuid.ToString("N")[..8]}.";
        foreach (string directory in domain.Disks.Select(disk => Path.GetDirectoryName(disk.SourcePath)).OfType<string>().Distinct(StringComparer.Ordinal).Where(Directory.Exists))
            foreach (string path in Files(directory, "*.scratch.qcow2").Where(path => Path.GetFileName(path).Contains(mark, StringComparison.Ordinal) && !known.Contains(path)).Order(StringComparer.Ordinal))
                findings.Add(FindingIds.ScratchLeftover, FindingList.Information,
                    $"'{path}' looks like the scratch file of a block snapshot of '{domain.Name}', of which there is no record.", "Nothing can prove that it is ours: remove it where you know that nothing needs it.", file: path);
    }

    private static string[] Files(string directory, string pattern)
    {
        try
        {
            return Directory.GetFiles(directory, pattern);
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void CheckLeftovers(ServingTraces traces, HashSet<string> recorded, IReadOnlySet<int> daemons, FindingList findings)
    {
        foreach ((string id, IReadOnlyList<string> names) in traces.ById.Keys.Where(id => !recorded.Contains(id)).Order(StringComparer.Ordinal).Select(id => (id, traces.Unneeded(id, recorded))).Where(one => one.Item2.Count > 0))
            findings.Add(FindingIds.ServiceLeftover, FindingList.Warning,
                $"QEMU has {FindingList.Listed(names)} of a block snapshot or a block export '{id}', of which there is no record. They cost the guest time at its writes, and space.", $"'{findings.Repair}' removes them.", layer: id);
        foreach ((HostProcess process, string id) in traces.Daemons.Where(one => !daemons.Contains(one.Process.Id)))
            findings.Add(FindingIds.ServiceLeftover, FindingList.Warning,
                string.Create(CultureInfo.InvariantCulture, $"The storage daemon '{id}' (process {process.Id}) serves disks of this machine, and there is no record of it."), $"'{findings.Repair}' ends it.", layer: id);
    }
}
