using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// The views of an instant, served on the private socket to the storage daemon that reads them. They go before their readers do: should this
/// process die, the next session removes them.
/// </summary>
internal sealed class PullExports : IAsyncDisposable
{
    private readonly BlockSession _session;
    private readonly List<(NbdAddress Address, string Name)> _exports = [];

    // Known before they are there: what was asked of QEMU is done, though nobody waited for the answer.
    private readonly List<string> _names = [];

    private PullExports(BlockSession session) => _session = session;

    /// <summary>Where each node is served, and as what, in their order.</summary>
    public IReadOnlyList<(NbdAddress Address, string Name)> All => _exports;

    /// <param name="session">The line to the machine.</param>
    /// <param name="nodes">The views.</param>
    /// <param name="cancellation">Stops it; nothing is left then.</param>
    public static async Task<PullExports> OpenAsync(BlockSession session, IEnumerable<string> nodes, CancellationToken cancellation)
    {
        var exports = new PullExports(session);
        try
        {
            foreach (string node in nodes)
            {
                string name = $"{SessionExports.ExportPrefix}{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..12]}";
                exports._names.Add(name);
                exports._exports.Add((await PrivateServer.AddExportAsync(session.Qmp, session.RuntimeDirectory, null, name, node, name, [], writable: false, cancellation), name));
            }

            return exports;
        }
        catch
        {
            await exports.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        string[] names = [.. _names];
        _names.Clear();
        if (names.Length == 0 || _session.Qmp.Closed.IsCompleted)
            return;
        try
        {
            foreach (QmpBlockExport export in await _session.Qmp.QueryBlockExportsAsync(CancellationToken.None))
                if (names.Contains(export.Id, StringComparer.Ordinal))
                    await _session.Qmp.BlockExportDelAsync(export.Id, hard: true, CancellationToken.None);
            await PrivateServer.StopIfLastAsync(_session.Qmp, _session.RuntimeDirectory, CancellationToken.None);
        }
        catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpConnectionLost)
        {
            // They went with the machine.
        }
    }
}
