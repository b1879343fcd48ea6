using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// One disk of a block snapshot, read over an export of its own that is there as long as the reader. QEMU's monitor is not held meanwhile:
/// it takes one client at a time, and whoever reads may well ask the machine for something else.
/// </summary>
internal sealed class SnapshotReader : IBlockReader
{
    private readonly Func<CancellationToken, Task<SnapshotLine>> _connect;
    private readonly string _runtimeDirectory;
    private readonly string _export;
    private readonly NbdClient _client;

    private SnapshotReader(Func<CancellationToken, Task<SnapshotLine>> connect, string runtimeDirectory, string export, NbdClient client) =>
        (_connect, _runtimeDirectory, _export, _client) = (connect, runtimeDirectory, export, client);

    public long Length => _client.Length;

    /// <param name="connect">Opens a line to the process that has the view.</param>
    /// <param name="runtimeDirectory">The domain's directory of sockets.</param>
    /// <param name="node">The view.</param>
    /// <param name="cancellation">Stops the opening; nothing is left then.</param>
    public static async Task<SnapshotReader> OpenAsync(Func<CancellationToken, Task<SnapshotLine>> connect, string runtimeDirectory, string node, CancellationToken cancellation)
    {
        // Named as all exports of this process: should it die, the next session removes it.
        string export = $"{SessionExports.ExportPrefix}{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..12]}";
        try
        {
            await using SnapshotLine line = await connect(cancellation);
            await using (var left = new SessionExports(line.Qmp, runtimeDirectory))
                left.RemoveAbandoned(cancellation);
            NbdAddress address = await PrivateServer.AddExportAsync(line.Qmp, runtimeDirectory, null, export, node, export, [], writable: false, cancellation);
            return new SnapshotReader(connect, runtimeDirectory, export, await NbdClient.ConnectAsync(address, export, [NbdContext.BaseAllocation], cancellation));
        }
        catch
        {
            await RemoveAsync(connect, runtimeDirectory, export);
            throw;
        }
    }

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation) => _client.ReadAsync(offset, buffer, cancellation);

    public IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, CancellationToken cancellation) => _client.StatusAsync(offset, length, cancellation);

    /// <summary>What of these ranges reads as zeroes without being stored.</summary>
    public Task<ExtentMap> ZeroesAsync(ExtentMap ranges, CancellationToken cancellation) => ChangedBlocks.ZeroesAsync(_client, ranges, cancellation);

    public async ValueTask DisposeAsync()
    {
        // The export first: QEMU before 9.0 may end with a failed assertion where the client leaves before it, and the guest with it.
        try
        {
            await RemoveAsync(_connect, _runtimeDirectory, _export);
        }
        finally
        {
            await _client.DisposeAsync();
        }
    }

    private static async Task RemoveAsync(Func<CancellationToken, Task<SnapshotLine>> connect, string runtimeDirectory, string export)
    {
        try
        {
            await using SnapshotLine line = await connect(CancellationToken.None);
            if ((await line.Qmp.QueryBlockExportsAsync(CancellationToken.None)).Any(one => one.Id == export))
                await line.Qmp.BlockExportDelAsync(export, hard: true, CancellationToken.None);
            await PrivateServer.StopIfLastAsync(line.Qmp, runtimeDirectory, CancellationToken.None);
        }
        catch (MomentException gone) when (gone.ErrorId == OperationErrors.ChangedContentGone || gone.ErrorId == QmpErrors.QmpConnectionLost)
        {
            // The export went with the process that served it.
        }
    }
}
