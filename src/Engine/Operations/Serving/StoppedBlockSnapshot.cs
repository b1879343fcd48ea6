using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// A block snapshot of a stopped machine on its way: a storage daemon of its own holds the images, read-only, and so nobody writes to them
/// while it lives; there is nothing to copy. Steps: prepare (nothing is touched); intent into the journal, with the daemon's id; where it was
/// asked for, the checkpoint; the daemon; the sidecar of what was written since the last moment; the record, with the metadata as one. Until
/// that is decided, a failure or a crash undoes all of it.
/// </summary>
internal sealed class StoppedBlockSnapshot : IAsyncDisposable
{
    private readonly ChangeScope _scope;
    private readonly BlockSnapshotWish _wish;
    private readonly IOperationReport _report;
    private readonly PreparedCheckpoint? _checkpoint;
    private readonly BlockSession _session;
    private readonly IReadOnlyDictionary<string, KnownChanges> _known;
    private readonly string _sidecar = MomentIds.New();
    private BlockSnapshotRecord _record;
    private Journal? _journal;

    private StoppedBlockSnapshot(
        ChangeScope scope, BlockSnapshotWish wish, IOperationReport report, PreparedCheckpoint? checkpoint, BlockSession session, IReadOnlyDictionary<string, KnownChanges> known, ServiceOwner owner)
    {
        (_scope, _wish, _report, _checkpoint, _session, _known) = (scope, wish, report, checkpoint, session, known);
        _record = new BlockSnapshotRecord(scope.Id, wish.Name, DateTimeOffset.UtcNow, owner, wish.Request.NewCheckpoint, null, [.. wish.Disks.Select((disk, number) =>
            new BlockSnapshotRecordDisk(disk.Target, number, "", null, BlockSnapshotRecordDisk.Image, 0, null, 0, 0, null, known[disk.Target].Point, null, null, known[disk.Target].Doubt))]);
    }

    /// <param name="context">What operations work with.</param>
    /// <param name="scope">The domain.</param>
    /// <param name="wish">What is wanted; scratch files are not needed, and not made.</param>
    /// <param name="owner">With whose end it ends.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Undoes what was done.</param>
    /// <returns>The record, which is written.</returns>
    public static async Task<BlockSnapshotRecord> TakeAsync(
        EngineContext context, ChangeScope scope, BlockSnapshotWish wish, ServiceOwner owner, IOperationReport report, CancellationToken cancellation)
    {
        await using StoppedBlockSnapshot snapshot = await PrepareAsync(context, scope, wish, owner, report, cancellation);
        snapshot.Begin();
        (string, string?) file;
        try
        {
            file = await snapshot.TakeAsync(cancellation);
        }
        catch (Exception)
        {
            await snapshot.UndoAsync();
            throw;
        }

        snapshot.Decide(file);
        return snapshot._record;
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        if (_checkpoint is not null)
            await _checkpoint.DisposeAsync();
        await _session.DisposeAsync();
    }

    private static async Task<StoppedBlockSnapshot> PrepareAsync(
        EngineContext context, ChangeScope scope, BlockSnapshotWish wish, ServiceOwner owner, IOperationReport report, CancellationToken cancellation)
    {
        if (wish.Request.NewCheckpoint is { } name)
        {
            PreparedCheckpoint checkpoint = await RunningBlockSnapshot.CheckpointAsync(context, scope, wish, name, report, cancellation);
            return new StoppedBlockSnapshot(scope, wish, report, checkpoint, checkpoint.Session, KnownChanges.At(checkpoint, wish), owner);
        }

        // It stays open until the daemon has the images: nobody writes in between.
        BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [.. wish.Disks.Select(disk => disk.Target)], BlockAccess.Read, cancellation);
        try
        {
            IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, cancellation);
            Dictionary<string, KnownChanges> known = new(StringComparer.Ordinal);
            foreach (DomainDisk disk in wish.Disks)
                known[disk.Target] = await KnownAsync(scope, session.Disks[disk.Target], seen[disk.Target], cancellation);
            return new StoppedBlockSnapshot(scope, wish, report, null, session, known, owner);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    // Of a stopped machine all of it can be read now.
    private static async Task<KnownChanges> KnownAsync(ChangeScope scope, SessionDisk disk, ObservedLayer seen, CancellationToken cancellation)
    {
        KnownChanges known = await KnownChanges.OfAsync(scope.State.Disk(disk.Name), seen, scope.Store.Segments, cancellation);
        if (known.Bitmaps.Count == 0)
            return known;
        ExtentMap written = await SnapshotChanges.OfflineAsync(disk.Path, known.Bitmaps, cancellation);
        return known with { Bitmaps = [], Beside = known.Beside.Union(written) };
    }

    private void Begin()
    {
        if (_checkpoint is null)
        {
            _journal = _scope.Begin(BlockSnapshotCreation.Operation, BlockSnapshotUndo.Stopped(_record, _sidecar), _record.Pinned(_scope.State));
            return;
        }

        _checkpoint.Plan(_record.Pinned);
        _checkpoint.Begin(BlockSnapshotCreation.Operation, null, BlockSnapshotUndo.Stopped(_record, _sidecar));
        _journal = _checkpoint.Journal;
    }

    // What fails here may be decided: the next changing command finds out, and undoes or finishes it.
    private void Decide((string, string?) record)
    {
        if (_checkpoint is not null)
            _checkpoint.Decide(record);
        else
            _scope.Commit(_journal!, _record.Pinned(_scope.State), record);
    }

    private async Task<(string, string?)> TakeAsync(CancellationToken cancellation)
    {
        if (_checkpoint is not null)
        {
            await _checkpoint.ReadyAsync(cancellation);
            await _checkpoint.TakeAsync(cancellation);
            await _checkpoint.KeepAsync(cancellation);
            _record = _record with { Created = _checkpoint.Instant };
        }

        _journal!.Pass("daemon");
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(_scope.Place.RuntimeDirectory, _scope.Id, cancellation);
        _journal.Pass("images");
        IReadOnlyDictionary<string, SessionDisk> disks = await OpenAsync(daemon, cancellation);
        _record = _record with
        {
            Daemon = daemon.Process,
            Disks = [.. _record.Disks.Select(disk => disk with { Node = disks[disk.Name].NodeName, Size = disks[disk.Name].VirtualSize })],
        };
        _record = KnownChanges.Save(_known, _record, _sidecar, _scope.Store.Segments, () => _journal.Pass("sidecar of the past"));
        return ServiceRecords.FileOf(_record);
    }

    private async Task<IReadOnlyDictionary<string, SessionDisk>> OpenAsync(ServingDaemon daemon, CancellationToken cancellation)
    {
        List<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)> chains = [];
        foreach (DomainDisk disk in _wish.Disks)
            chains.Add((disk, await DiskChain.ResolveAsync(_scope.Domain.Name, disk, readOnly: true, cancellation)));
        return await new DaemonDisks(daemon.Qmp, _scope.Domain.Name).OpenAsync(chains, cancellation);
    }

    private async Task UndoAsync()
    {
        await _session.DisposeAsync();
        await WayBack.TryAsync(_scope.Place.Name, _report, async () =>
        {
            await BlockSnapshotUndo.RunAsync(_scope, CancellationToken.None);
            _journal!.End();
        });
    }
}
