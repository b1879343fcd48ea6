using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Saves a machine's memory and devices as QEMU's plain migration stream. The disks are switched in the pause before the last part is
/// sent, when the processors stand still and the bitmaps are still there. Until then everything can be given up, and the machine goes on.
/// </summary>
internal sealed class MemorySaving
{
    // Of the devices' state nothing is known beforehand; it is far smaller.
    private const long DeviceReserve = 32L << 20;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly BlockSession _session;
    private readonly MemoryReceiver _receiver;
    private readonly string _path;
    private readonly IProgress<(long Done, long Total)>? _progress;

    private MemorySaving(BlockSession session, MemoryReceiver receiver, string path, IProgress<(long Done, long Total)>? progress)
    {
        _session = session;
        _receiver = receiver;
        _path = path;
        _progress = progress;
    }

    private QmpClient Qmp => _session.Qmp;

    /// <summary>Saves the memory in a new file, for its owner alone; flushed. Where that fails, nothing of it stays.</summary>
    /// <inheritdoc cref="SaveAsync(BlockSession, FileStream, Func{CancellationToken, Task}, bool, bool, IProgress{ValueTuple{long, long}}, CancellationToken)"/>
    public static async Task SaveAsync(
        BlockSession session, string path, Func<CancellationToken, Task>? atSwitchover, bool live, bool goOn, IProgress<(long Done, long Total)>? progress, CancellationToken cancellation)
    {
        using FileStream file = OwnedFile.Create(path);
        try
        {
            await SaveAsync(session, file, atSwitchover, live, goOn, progress, cancellation);
            DurableFile.FlushDirectory(DurableFile.DirectoryOf(path));
        }
        catch
        {
            DurableFile.TryDelete(path);
            throw;
        }
    }

    /// <summary>Saves the memory in an open, empty file, which stays whatever happens.</summary>
    /// <param name="session">The line to the machine.</param>
    /// <param name="file">The file.</param>
    /// <param name="atSwitchover">Done while the processors stand still and the memory is final but for what is sent after it; not cancelled. What it throws gives all up.</param>
    /// <param name="live">Whether the guest works on until the switchover, or stands still from the beginning.</param>
    /// <param name="goOn">Whether the machine goes on afterwards as it was: running, or paused with its disks open; else it is left as the migration leaves it, to be ended.</param>
    /// <param name="progress">Told the bytes done and expected.</param>
    /// <param name="cancellation">Gives up, until the switchover.</param>
    public static async Task SaveAsync(
        BlockSession session, FileStream file, Func<CancellationToken, Task>? atSwitchover, bool live, bool goOn, IProgress<(long Done, long Total)>? progress, CancellationToken cancellation)
    {
        QmpClient qmp = session.Qmp;
        QmpStatus status = await qmp.QueryStatusAsync(cancellation);
        Require(status, qmp.Name);
        bool running = status.Running;
        if (await qmp.QueryMigrateAsync(cancellation) is { IsActive: true } other)
            throw SnapshotCreationErrors.Migrating(qmp.Name, other.Status);
        using QmpEvents events = qmp.Subscribe("MIGRATION");
        await using MigrationSettings settings = await MigrationSettings.SetAsync(qmp, cancellation);
        await using var receiver = MemoryReceiver.Listen(session.RuntimeDirectory, file.SafeFileHandle, file.Name);
        var saving = new MemorySaving(session, receiver, file.Name, progress);
        try
        {
            if (running && !live)
                await qmp.StopAsync(cancellation);
            await qmp.MigrateAsync("unix:" + receiver.SocketPath, cancellation);
            await saving.FollowAsync(events, atSwitchover, cancellation);
            await receiver.CompleteAsync();
        }
        catch (Exception failure)
        {
            await saving.GiveUpAsync(running, failure);
            throw;
        }

        if (goOn)
            await GoOnAsync(session, running, CancellationToken.None);
        // The guest need not wait for the storage.
        await Task.Run(() => DurableFile.FlushFile(file.Name), CancellationToken.None);
    }

    /// <summary>QEMU saves the memory of a machine that stands still once, and then only when it has run again.</summary>
    /// <exception cref="MomentException"><c>SnapshotMemoryImpossible</c>.</exception>
    public static void Require(QmpStatus status, string vm)
    {
        if (status.Status == "postmigrate")
            throw SnapshotCreationErrors.SavedAlready(vm);
    }

    /// <summary>
    /// Lets a machine whose memory was saved go on. The migration has given its disks away, with their bitmaps: a machine that runs takes
    /// them back; for one that is to stand still an export of each does it, because to let it run for a moment would change it.
    /// </summary>
    public static async Task GoOnAsync(BlockSession session, bool run, CancellationToken cancellation)
    {
        if (run)
        {
            await session.Qmp.ContAsync(cancellation);
            return;
        }

        await using SessionExports exports = session.OpenExports(cancellation);
        foreach (QmpBlockDevice device in await session.Qmp.QueryBlockAsync(cancellation))
            if (device.Inserted is { ReadOnly: false } medium)
                await (await exports.ConnectAsync(medium.NodeName, [], [], cancellation)).DisposeAsync();
        await exports.CloseAsync(() => Task.CompletedTask);
    }

    private async Task FollowAsync(QmpEvents events, Func<CancellationToken, Task>? atSwitchover, CancellationToken cancellation)
    {
        Task<QmpEvent>? next = null;
        bool switched = false;
        while (true)
        {
            next ??= events.NextAsync(CancellationToken.None).AsTask();
            // A file that cannot be written ends the stream; QEMU notices, but knows no reason.
            if (await Task.WhenAny(next, switched ? next : Task.Delay(Look, cancellation), _receiver.Finished) == _receiver.Finished && _receiver.Finished.IsFaulted)
                await _receiver.Finished;
            if (!switched)
                cancellation.ThrowIfCancellationRequested();
            if (!next.IsCompleted)
            {
                if (_receiver.Finished.IsCompleted)
                    await Task.WhenAny(next, Task.Delay(Look, CancellationToken.None));
                await ReportAsync(cancellation);
                continue;
            }

            QmpEvent told = await next;
            next = null;
            if (told.Says("status", "pre-switchover"))
            {
                _receiver.Reserve((await Qmp.QueryMigrateAsync(cancellation)).Left + DeviceReserve);
                cancellation.ThrowIfCancellationRequested();
                switched = true;
                if (atSwitchover is not null)
                    await atSwitchover(CancellationToken.None);
                await Qmp.MigrateContinueAsync("pre-switchover", CancellationToken.None);
            }
            else if (told.Says("status", "completed"))
            {
                return;
            }
            else if (told.Says("status", "failed") || told.Says("status", "cancelled"))
            {
                throw SnapshotCreationErrors.MemoryFailed(_path, (await Qmp.QueryMigrateAsync(CancellationToken.None)).Error ?? "QEMU gave the migration up.");
            }
        }
    }

    private async Task ReportAsync(CancellationToken cancellation)
    {
        if (_progress is null)
            return;
        QmpMigration now = await Qmp.QueryMigrateAsync(cancellation);
        _progress.Report((_receiver.Received, _receiver.Received + now.Left));
    }

    // Not cancelled: the machine must go on, and no migration be left behind.
    private async Task GiveUpAsync(bool running, Exception cause)
    {
        try
        {
            await _receiver.DisposeAsync();
            await MigrationEnd.WaitAsync(Qmp, CancellationToken.None);
            if (running && !(await Qmp.QueryStatusAsync(CancellationToken.None)).Running)
                await Qmp.ContAsync(CancellationToken.None);
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpConnectionLost && cause is MomentException)
        {
            // QEMU is gone, which is what the first failure says.
        }
    }
}
