using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Who serves what, where; or the refusal. Pure: decided before anything is touched.</summary>
/// <param name="Source">What has the disks.</param>
/// <param name="Daemon">The storage daemon that has them already, or null.</param>
/// <param name="Writable">Whether clients may write.</param>
/// <param name="Private">Whether the source itself serves them, on its private socket.</param>
/// <param name="Address">Where a relay passes them on; null where they are private, or a socket of ours will do.</param>
/// <param name="Joined">Exports that the relay at the address serves already, or null.</param>
/// <param name="Disks">The exports.</param>
internal sealed record BlockExportPlan(
    ExportSource Source, ServingProcess? Daemon, bool Writable, bool Private, NbdAddress? Address, BlockExportRecord? Joined, IReadOnlyList<PlannedExport> Disks)
{
    /// <summary>The disks for which a block snapshot is to be made first, all at one instant.</summary>
    public IReadOnlyList<string> Unseen => Source == ExportSource.Machine ? [.. Disks.Where(disk => disk.Snapshot is null).Select(disk => disk.Disk)] : [];

    /// <param name="known">What is there.</param>
    /// <param name="request">What was asked for.</param>
    public static BlockExportPlan Make(ExportSurroundings known, StartBlockExportRequest request)
    {
        AskedExports asked = AskedExports.From(request, known.Domain);
        IReadOnlyList<AskedExport> disks = Choose(known, request, asked);
        foreach (string disk in request.ExportNames.Keys.Except(disks.Select(disk => disk.Disk), StringComparer.Ordinal))
            throw ExportErrors.NameUnused(disk);
        (ExportSource source, ServingProcess? daemon) = SourceOf(known, disks);
        bool writable = disks.Any(disk => disk.Writable);
        if (writable)
            RequireWritable(known, source, disks);
        RefuseInUse(known, source, disks, writable);
        List<PlannedExport> planned = [];
        foreach (AskedExport disk in disks)
        {
            string name = disk.ExportName ?? (disk.Snapshot is null ? disk.Disk : $"{disk.Disk}-{disk.Snapshot}");
            if (BlockExportDocumentDisk.ExportNameRule(name) is { } rule)
                throw ServingDaemonErrors.NameInvalid(name, rule);
            planned.Add(new PlannedExport(planned.Count, disk.Disk, name, disk.Snapshot, Since(known, disk)));
        }

        var plan = new BlockExportPlan(source, daemon, writable, Private: true, null, null, planned);
        return plan.At(known, request, asked);
    }

    private BlockExportPlan At(ExportSurroundings known, StartBlockExportRequest request, AskedExports asked)
    {
        NbdAddress? address = asked.Address;
        BlockExportRecord? there = address is null or TcpNbdAddress { Port: 0 } ? null
            : known.Exports.FirstOrDefault(record => ExportAddress.IsSame(NbdAddress.Parse(record.Address), address));
        if (there is not null)
            RequireSame(there, request, asked.Tls);
        if (address is not null && ExportAddress.IsWildcard(address) && asked.Tls is null && there?.Tls is null && !request.AllowUnencrypted)
            throw ExportErrors.Unencrypted(address.ToString());
        // To name the private socket is to leave it away.
        bool apart = there is { Private: true } ? false : address is not null || asked.Tls is not null || request.MaxConnections is not null;
        if (there is { Private: true } && !HasServer(there))
            throw ExportErrors.ServerDiffers(there.Address, "it is the private socket of another source");
        BlockExportPlan plan = this with { Private = !apart, Address = apart ? address : null, Joined = there is { Private: false } ? there : null };
        plan.RequireNames(known, there);
        return plan;
    }

    // What is served by the machine's QEMU, or one daemon, has one server.
    private bool HasServer(BlockExportRecord record) => record.Private && Source switch
    {
        ExportSource.Machine => record.Source is null,
        ExportSource.SnapshotDaemon => record.Source == Daemon,
        _ => false,
    };

    private void RequireNames(ExportSurroundings known, BlockExportRecord? there)
    {
        IEnumerable<BlockExportRecord> same = Private ? known.Exports.Where(HasServer)
            : there is null ? [] : known.Exports.Where(record => record.Address == there.Address);
        Dictionary<string, string> taken = new(StringComparer.Ordinal);
        foreach (BlockExportRecord record in same)
            foreach (BlockExportRecordDisk disk in record.Disks)
                taken[disk.ExportName] = $"the export of disk '{disk.Name}'{(disk.Snapshot is null ? "" : $" of block snapshot '{disk.Snapshot}'")}";
        foreach (PlannedExport disk in Disks)
            if (!taken.TryAdd(disk.ExportName, $"that of disk '{disk.Disk}' in the same command"))
                throw ExportErrors.NameTaken(disk.ExportName, there?.Address ?? Address?.ToString() ?? "the private socket", taken[disk.ExportName]);
    }

    private static void RequireSame(BlockExportRecord there, StartBlockExportRequest request, string? tls)
    {
        if (there.Private ? tls is not null : tls is not null && tls != there.Tls)
            throw ExportErrors.ServerDiffers(there.Address, there.Tls is null ? "without TLS" : $"with TLS by {(there.Tls == "psk" ? "keys" : "certificates")}");
        if (request.MaxConnections is not null)
            throw ExportErrors.ServerDiffers(there.Address, "how many clients it takes was said when it was started");
    }

    private static IReadOnlyList<AskedExport> Choose(ExportSurroundings known, StartBlockExportRequest request, AskedExports asked)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (AskedExport disk in asked.Disks)
        {
            if (!seen.Add(disk.Disk))
                throw ExportErrors.DiskTwice(disk.Disk);
            if (disk.Snapshot is { } name)
                RequireDisk(known.Snapshot(name), disk.Disk);
            else if (known.Backup is { } backup && !backup.Contains(disk.Disk, StringComparer.Ordinal))
                throw ExportErrors.DiskMissing($"the backup '{request.BackupId}'", disk.Disk, backup);
            else if (known.Backup is null)
                RequireMedium(known.Domain, disk.Disk);
        }

        if (asked.Disks.Count > 0)
            return asked.Disks;
        string[] all = request.Snapshot is { } snapshot ? [.. known.Snapshot(snapshot).Disks.Select(disk => disk.Name)]
            : known.Backup is { } disks ? [.. disks]
            : [.. known.Domain.Disks.Where(disk => disk is { Device: "disk" or "lun", SourcePath: not null } && !(disk.ReadOnly && (request.Writable || known.Runs))).Select(disk => disk.Target)];
        return all.Length == 0 ? throw ExportErrors.Nothing($"'{known.Domain.Name}'")
            : [.. all.Select(disk => new AskedExport(disk, request.Snapshot, request.Since, request.ExportNames.GetValueOrDefault(disk), request.Writable))];
    }

    private static void RequireDisk(BlockSnapshotRecord snapshot, string disk)
    {
        if (snapshot.Disks.All(one => one.Name != disk))
            throw ExportErrors.DiskMissing($"block snapshot '{snapshot.Name}'", disk, snapshot.Disks.Select(one => one.Name));
    }

    private static void RequireMedium(DomainDocument domain, string name)
    {
        DomainDisk disk = domain.FindDisk(name) ?? throw DiskNaming.Unknown(name, domain);
        if (disk.SourcePath is null)
            throw Machines.DiskErrors.WithoutFile(domain.Name, disk);
    }

    private static (ExportSource Source, ServingProcess? Daemon) SourceOf(ExportSurroundings known, IReadOnlyList<AskedExport> disks)
    {
        BlockSnapshotRecord[] snapshots = [.. disks.Where(disk => disk.Snapshot is not null).Select(disk => known.Snapshot(disk.Snapshot!)).Distinct()];
        if (known.Backup is not null)
            return snapshots.Length == 0 ? (ExportSource.Backup, null) : throw ExportErrors.Mixed("a backup and a block snapshot are two things to export");
        foreach (BlockSnapshotRecord snapshot in snapshots)
            if (snapshot.Daemon is null != known.Runs)
                throw ExportErrors.SnapshotGone(snapshot.Name, known.Runs ? "it is of the machine while it was stopped" : "the machine does not run any more, and it ended with it");
        if (known.Runs)
            return (ExportSource.Machine, null);
        if (snapshots.Length == 0)
            return (ExportSource.Images, null);
        return snapshots is [var one] && disks.All(disk => disk.Snapshot is not null) ? (ExportSource.SnapshotDaemon, one.Daemon)
            : throw ExportErrors.Mixed("of a stopped machine each block snapshot, and what is in none, is exported by a command of its own");
    }

    private static void RequireWritable(ExportSurroundings known, ExportSource source, IReadOnlyList<AskedExport> disks)
    {
        string? why = source switch
        {
            ExportSource.Machine => "the machine runs",
            ExportSource.SnapshotDaemon => "a block snapshot is never changed",
            ExportSource.Backup => "a backup is never changed",
            _ when disks.Any(disk => !disk.Writable) => "those to be written to and those to be read are exported by a command of its own",
            _ when disks.FirstOrDefault(disk => disk.Since is not null) is not null => "what changed since a moment is told of what does not change any more",
            _ when disks.FirstOrDefault(disk => known.Domain.FindDisk(disk.Disk)!.ReadOnly) is { } fixedDisk => $"disk '{fixedDisk.Disk}' is read-only by its definition",
            _ => null,
        };
        if (why is not null)
            throw ExportErrors.Writable(known.Domain.Name, why);
    }

    // A daemon that writes has its images alone.
    private static void RefuseInUse(ExportSurroundings known, ExportSource source, IReadOnlyList<AskedExport> disks, bool writable)
    {
        if (source != ExportSource.Images)
            return;
        foreach (AskedExport disk in disks)
        {
            if (known.Exports.FirstOrDefault(record => record is { Source: not null, BackupId: null } && (writable || record.Writable) && record.Disks.Any(one => one.Name == disk.Disk)) is { } export)
                throw RestoreErrors.InUse($"export '{known.Domain.Name}'", disk.Disk, $"the export at {export.Address} (Stop-VMBlockExport ends it)");
            if (writable && known.Snapshots.FirstOrDefault(record => record.Disks.Any(one => one.Name == disk.Disk)) is { } snapshot)
                throw RestoreErrors.InUse($"export '{known.Domain.Name}'", disk.Disk, $"the block snapshot '{snapshot.Name}' (Remove-VMBlockSnapshot ends it)");
        }
    }

    private static MomentKey? Since(ExportSurroundings known, AskedExport disk)
    {
        if (disk.Since is null)
            return null;
        MomentKey since = known.State.Tree(out _).Require(disk.Since).Key;
        return known.State.Disk(disk.Disk).PointOf(since) is null ? throw ExportErrors.NotCovered(known.Domain, disk.Disk, since) : since;
    }
}
