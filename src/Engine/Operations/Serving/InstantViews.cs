using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// The nodes in a running machine that show its disks at one instant, and their scratch files, on their way: files and nodes; the instant;
/// the views. What they have come to be called is in the record, by which <see cref="BlockSnapshotUndo"/> and
/// <see cref="BlockSnapshotTeardown"/> find all of it.
/// </summary>
internal sealed class InstantViews
{
    private readonly QmpClient _qmp;
    private readonly BlockSnapshotWish _wish;
    private readonly IReadOnlyDictionary<string, SessionDisk> _disks;
    private readonly IReadOnlyDictionary<string, string> _below;

    private InstantViews(QmpClient qmp, BlockSnapshotWish wish, IReadOnlyDictionary<string, SessionDisk> disks, IReadOnlyDictionary<string, string> below, BlockSnapshotRecord record) =>
        (_qmp, _wish, _disks, _below, Record) = (qmp, wish, disks, below, record);

    /// <summary>What is made, as far as it is known.</summary>
    public BlockSnapshotRecord Record { get; set; }

    /// <summary>Plans them; what is impossible is refused here, and nothing is touched.</summary>
    /// <param name="id">The operation's id.</param>
    /// <param name="qmp">The machine.</param>
    /// <param name="wish">What is wanted.</param>
    /// <param name="domain">The domain's UUID, part of the names of files.</param>
    /// <param name="disks">The disks in QEMU.</param>
    /// <param name="jobs">The disks that take no filter, so that a job has to copy.</param>
    /// <param name="owner">With whose end it ends.</param>
    /// <param name="changes">By disk its point, and why what changed up to the instant is not known.</param>
    /// <param name="copied">Whether a bitmap of what changed up to the instant is made on a disk.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<InstantViews> PlanAsync(
        string id, QmpClient qmp, BlockSnapshotWish wish, Guid domain, IReadOnlyDictionary<string, SessionDisk> disks, IReadOnlyCollection<string> jobs, ServiceOwner owner,
        Func<string, (string? Point, string? Doubt)> changes, Func<string, bool> copied, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, string> files = wish.ScratchFiles(domain, disks.Values.ToDictionary(disk => disk.Name, disk => disk.Path, StringComparer.Ordinal));
        var below = (await qmp.QueryBlockAsync(cancellation)).Where(device => device is { QomPath: not null, Inserted: not null })
            .ToDictionary(device => device.QomPath!, device => device.Inserted!.NodeName, StringComparer.Ordinal);
        BlockSnapshotRecordDisk[] recorded = [.. wish.Disks.Select((disk, number) =>
        {
            SessionDisk open = disks[disk.Target];
            (string? point, string? doubt) = changes(disk.Target);
            return new BlockSnapshotRecordDisk(
                disk.Target, number, open.NodeName, open.QomPath,
                open.QomPath is null || jobs.Contains(disk.Target, StringComparer.Ordinal) ? BlockSnapshotRecordDisk.Backup : BlockSnapshotRecordDisk.CopyBeforeWrite,
                open.VirtualSize, files[disk.Target], 0, 0, wish.Request.ScratchLimit,
                point, copied(disk.Target) ? BlockSnapshotNodes.Bitmap(id) : null, null, doubt);
        })];
        return new InstantViews(qmp, wish, disks, below, new BlockSnapshotRecord(id, wish.Name, DateTimeOffset.UtcNow, owner, wish.Request.NewCheckpoint, null, recorded));
    }

    /// <summary>Makes the files and their nodes. The files first, empty: who they are is written down before anything is in them.</summary>
    public async Task MakeAsync(Journal journal, CancellationToken cancellation)
    {
        journal.Pass("files");
        List<BlockSnapshotRecordDisk> made = [];
        foreach (BlockSnapshotRecordDisk disk in Record.Disks)
            made.Add(ScratchFiles.Make(disk, _disks[disk.Name].Path));
        Record = Record with { Disks = made };
        journal.Extend(BlockSnapshotUndo.Files(Record));
        // Each waits for QEMU and for storage: together they take little longer than one.
        Task[] images = [.. Record.Disks.Select(disk => ScratchFiles.OpenAsync(_qmp, Record.Id, disk, cancellation))];
        await Task.WhenAll(images);
        journal.Pass("nodes");
    }

    /// <summary>The instant itself.</summary>
    /// <param name="actions">What else happens at it.</param>
    /// <returns>By disk, why QEMU put no filter under it; then nothing of the whole is of use.</returns>
    public Task<IReadOnlyDictionary<string, MomentException>> TakeAsync(IEnumerable<TransactionAction> actions) => SnapshotInstant.TakeAsync(
        _qmp, Record.Id,
        [
            .. actions,
            .. Record.Disks.Where(disk => disk.Method == BlockSnapshotRecordDisk.Backup)
                .Select(disk => (Nodes: new BlockSnapshotNodes(Record.Id, disk.Number), disk.Node)).Select(disk => TransactionAction.BlockdevBackup(disk.Nodes.Job, disk.Node, disk.Nodes.Image, "none")),
        ],
        [
            .. Record.Disks.Where(disk => disk.Method == BlockSnapshotRecordDisk.CopyBeforeWrite)
                .Select(disk => new SnapshotInstant(new BlockSnapshotNodes(Record.Id, disk.Number), disk.Name, disk.Device!, _below[disk.Device!], _wish.Disks[disk.Number].Discard == "unmap")),
        ]);

    /// <summary>Puts the views on the filters.</summary>
    public Task ShowAsync(CancellationToken cancellation) => Task.WhenAll(
        Record.Disks.Where(disk => disk.Method == BlockSnapshotRecordDisk.CopyBeforeWrite).Select(disk => ScratchFiles.ShowAsync(_qmp, Record.Id, disk, _disks[disk.Name].Path, cancellation)));
}
