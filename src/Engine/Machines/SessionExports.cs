using System.Globalization;
using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>
/// Exports of nodes for this process alone, on a socket in the domain's runtime directory. QEMU has one NBD
/// server: one that another of our sessions started is shared, and the last to leave stops it; one that is not ours is shared too,
/// and stays.
/// </summary>
internal sealed class SessionExports(QmpClient qmp, string runtimeDirectory) : IAsyncDisposable
{
    public const string ExportPrefix = "mt-x-";
    private const int Attempts = 3;

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly List<string> _exports = [];
    private readonly List<NbdClient> _clients = [];
    private Task<(NbdAddress Address, bool Ours)>? _server;
    private Task _tidying = Task.CompletedTask;
    private bool _closed;

    /// <summary>
    /// Exports a node and connects to it; safe from many tasks at once. The client is closed with this, after its export: whoever reads
    /// does not dispose it.
    /// </summary>
    /// <param name="bitmaps">Disabled bitmaps to serve as contexts; each is busy until this is disposed, so give private copies.</param>
    /// <param name="contexts">The metadata contexts to ask for, like <c>qemu:dirty-bitmap:NAME</c>.</param>
    /// <param name="writable">Only for nodes that this process made itself, and for disks that are being restored: a running guest's is never written.</param>
    public async Task<NbdClient> ConnectAsync(
        string nodeName, IReadOnlyList<BitmapRef> bitmaps, IReadOnlyList<string> contexts, CancellationToken cancellation, bool writable = false)
    {
        string id = $"{ExportPrefix}{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..12]}";
        NbdAddress address = await ExportAsync(id, nodeName, bitmaps, writable, cancellation);
        NbdClient client = await NbdClient.ConnectAsync(address, id, contexts, cancellation);
        lock (_gate)
            _clients.Add(client);
        await _tidying;
        return client;
    }

    /// <summary>
    /// Removes exports that processes of ours left when they died: they keep bitmaps busy. It goes on beside the first connection, which
    /// waits for it.
    /// </summary>
    public void RemoveAbandoned(CancellationToken cancellation) => _tidying = RemoveAbandonedAsync(cancellation);

    /// <summary>Removes the exports and waits until they are gone, then closes the clients; their bitmaps are free again.</summary>
    public async ValueTask DisposeAsync() => await CloseAsync(() => Task.CompletedTask);

    /// <summary>
    /// The same, and then what needs the bitmaps free. Where QEMU does one command after the other its answer need not be waited for
    /// between them.
    /// </summary>
    public async Task CloseAsync(Func<Task> next)
    {
        if (_closed)
            return;
        _closed = true;
        try
        {
            await CloseExportsAsync(next);
        }
        finally
        {
            await Task.WhenAll(_clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    // Before the clients: QEMU before 9.0 ends with a failed assertion where a client leaves first whose node belongs to an I/O thread
    // (nbd_blockdev_client_closed), and the guest with it.
    private async Task CloseExportsAsync(Func<Task> next)
    {
        await SettleAsync(_tidying);
        if (_server is not { } server || qmp.Closed.IsCompleted)
        {
            await next();
            return;
        }

        using var limit = new CancellationTokenSource(CloseLimit);
        try
        {
            IReadOnlyList<QmpBlockExport> present = await qmp.QueryBlockExportsAsync(limit.Token);
            // Told to start one, and cancelled before the answer was there, QEMU has one all the same.
            UnixNbdAddress? own = !server.IsCompletedSuccessfully ? await PrivateServer.OwnAsync(qmp, runtimeDirectory, null, limit.Token)
                : server.Result is { Ours: true, Address: UnixNbdAddress address } ? address : null;
            if (own is not null && present.All(export => _exports.Contains(export.Id, StringComparer.Ordinal)))
            {
                // It closes every export, and answers when they are gone.
                Task stopped = PrivateServer.StopAsync(qmp, own, limit.Token), after = next();
                await SettleAsync(after);
                await stopped;
                await after;
                return;
            }

            foreach (string id in _exports.Where(id => present.Any(export => export.Id == id)))
                await qmp.BlockExportDelAsync(id, hard: true, limit.Token);
        }
        catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpConnectionLost)
        {
            // The exports went with the process that served them.
            return;
        }

        await next();
    }

    private async Task RemoveAbandonedAsync(CancellationToken cancellation)
    {
        foreach (QmpBlockExport export in await qmp.QueryBlockExportsAsync(cancellation))
        {
            if (export.Id.StartsWith(ExportPrefix, StringComparison.Ordinal)
                && int.TryParse(export.Id[ExportPrefix.Length..].Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int owner)
                && HostProcess.Find(owner) is null)
                await qmp.BlockExportDelAsync(export.Id, hard: true, cancellation);
        }
    }

    private async Task<NbdAddress> ExportAsync(string id, string nodeName, IReadOnlyList<BitmapRef> bitmaps, bool writable, CancellationToken cancellation)
    {
        NbdAddress? stopped = null;
        for (int attempt = 1; ; attempt++)
        {
            // Recorded before it is there: a cancelled command may be carried out all the same.
            lock (_gate)
                _exports.Add(id);
            Task<(NbdAddress Address, bool Ours)> server = Server(stopped, cancellation);
            // Right behind it: QEMU does one after the other.
            Task added = qmp.BlockExportAddAsync(id, nodeName, id, bitmaps, writable, cancellation);
            await SettleAsync(added);
            (NbdAddress address, _) = await server;
            try
            {
                await added;
                return address;
            }
            catch (MomentException refused) when (attempt < Attempts && PrivateServer.IsStopped(refused))
            {
                // The other session that had started it stopped it just now.
                lock (_gate)
                    _exports.Remove(id);
                stopped = address;
            }
        }
    }

    /// <summary>The server's address; starts it where none runs, or the one that ran was stopped. The command is on its way when this returns.</summary>
    private Task<(NbdAddress Address, bool Ours)> Server(NbdAddress? stopped, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (stopped is not null && _server is { IsCompletedSuccessfully: true } server && server.Result.Address == stopped)
                _server = null;
            return _server ??= PrivateServer.EnsureAsync(qmp, runtimeDirectory, null, cancellation);
        }
    }

    // Waits for the end, however it ends.
    private static Task SettleAsync(Task task) => task.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
