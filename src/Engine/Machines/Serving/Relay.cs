using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// A storage daemon that reads exports of a source as an NBD client and serves them at another address, with QEMU's own server: so a source,
/// which can have one server only, is reached at any number of addresses, over TCP and TLS. It holds no data: when the source is gone, its
/// reads fail.
/// </summary>
internal static class Relay
{
    // A free port can be taken by others before QEMU has it.
    private const int Attempts = 20;

    /// <summary>Starts a relay.</summary>
    /// <param name="place">The domain; the daemon's sockets are in its runtime directory.</param>
    /// <param name="id">The daemon's id, noted before.</param>
    /// <param name="request">What it serves.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    /// <returns>The daemon, and where it listens: the address with the port that was picked.</returns>
    public static async Task<(ServingDaemon Daemon, NbdAddress Bound)> StartAsync(DomainPlace place, string id, RelayRequest request, CancellationToken cancellation)
    {
        Check(request);
        ServingDaemon daemon = await ServingDaemon.StartAsync(place.RuntimeDirectory, id, cancellation);
        try
        {
            string? tls = await TlsCredentials.AddAsync(daemon.Qmp, request.TlsX509, request.TlsPsk, cancellation);
            foreach (RelayExport export in request.Exports)
                await AddNodeAsync(daemon, export, cancellation);
            NbdAddress bound = await ListenAsync(daemon.Qmp, request, tls, cancellation);
            foreach (RelayExport export in request.Exports)
                await ServeAsync(daemon.Qmp, export, cancellation);
            return (daemon, bound);
        }
        catch
        {
            await daemon.EndAsync();
            throw;
        }
    }

    /// <summary>Refuses what can be seen to be wrong, before anything is made: names, credentials, a file that is in the way.</summary>
    public static void Check(RelayRequest request)
    {
        ExportNames.Check(request.Exports.Select(export => export.Name));
        TlsCredentials.Check(request.TlsX509, request.TlsPsk);
        if (request.MaxConnections is { } most)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most, nameof(request));
        if (request.Address is not UnixNbdAddress unix)
            return;
        if (Libc.IsPresent(unix.Path))
            throw ServingDaemonErrors.SocketExists(unix);
        if (!Directory.Exists(Path.GetDirectoryName(unix.Path)))
            throw ServingDaemonErrors.Unusable(unix, $"there is no directory '{Path.GetDirectoryName(unix.Path)}'");
    }

    /// <summary>Adds exports to a relay that runs: all or none.</summary>
    public static async Task AddAsync(ServingDaemon daemon, IReadOnlyList<RelayExport> exports, CancellationToken cancellation)
    {
        ExportNames.Check(exports.Select(export => export.Name));
        List<string> begun = [];
        try
        {
            foreach (RelayExport export in exports)
            {
                begun.Add(export.Id);
                await AddNodeAsync(daemon, export, cancellation);
                await ServeAsync(daemon.Qmp, export, cancellation);
            }
        }
        catch when (!daemon.Qmp.Closed.IsCompleted)
        {
            await RemoveAsync(daemon, begun, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Takes exports away, with the clients that are connected; those that are not there are no error.</summary>
    public static async Task RemoveAsync(ServingDaemon daemon, IReadOnlyList<string> ids, CancellationToken cancellation)
    {
        IReadOnlyList<QmpBlockExport> served = await daemon.Qmp.QueryBlockExportsAsync(cancellation);
        foreach (string id in ids.Where(id => served.Any(export => export.Id == id)))
            await daemon.Qmp.BlockExportDelAsync(id, hard: true, cancellation);
        IReadOnlyList<QmpBlockNode> nodes = await daemon.Qmp.QueryNamedBlockNodesAsync(cancellation);
        foreach (string id in ids.Where(id => nodes.Any(node => node.NodeName == id)))
            await daemon.Qmp.BlockdevDelAsync(id, cancellation);
    }

    /// <summary>Ends a relay, dead or alive; no socket of it is left.</summary>
    /// <param name="relay">Its process; null where that was never recorded, and has ended already.</param>
    /// <param name="bound">Where it listens, or was to listen; null where that is no socket file.</param>
    /// <param name="cancellation">Stops the wait for its end.</param>
    public static async Task EndAsync(ServingProcess? relay, NbdAddress? bound, CancellationToken cancellation)
    {
        if (relay is not null)
            await ServingDaemon.EndAsync(relay, cancellation);
        // That of one that was killed.
        if (bound is UnixNbdAddress unix)
            await ServingDaemon.RemoveDeadSocketAsync(unix, cancellation);
    }

    private static async Task AddNodeAsync(ServingDaemon daemon, RelayExport export, CancellationToken cancellation)
    {
        var node = new JsonObject
        {
            ["driver"] = "nbd",
            ["node-name"] = export.Id,
            ["server"] = export.Inner switch
            {
                UnixNbdAddress unix => new JsonObject { ["type"] = "unix", ["path"] = unix.Path },
                TcpNbdAddress tcp => new JsonObject { ["type"] = "inet", ["host"] = tcp.Host, ["port"] = tcp.Port.ToString(CultureInfo.InvariantCulture) },
                _ => throw new InvalidOperationException($"No server is known for {export.Inner.GetType().Name}."),
            },
            ["export"] = export.InnerName,
            ["read-only"] = !export.Writable,
        };
        try
        {
            await daemon.Qmp.BlockdevAddAsync(node, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw ServingDaemonErrors.SourceUnreachable(export.Name, refused);
        }

        if (export.BitmapName is { } bitmap)
            await AuthoredContext.AddThroughImageAsync(daemon.Qmp, Path.GetDirectoryName(daemon.Process.Socket)!, export.Id, export.Id, bitmap, export.Dirty!, cancellation);
    }

    private static async Task ServeAsync(QmpClient qmp, RelayExport export, CancellationToken cancellation)
    {
        try
        {
            await qmp.BlockExportAddAsync(
                export.Id, export.Id, export.Name, export.BitmapName is { } bitmap ? [new BitmapRef(export.Id, bitmap)] : [], export.Writable, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed && refused.Message.Contains("already has export named", StringComparison.Ordinal))
        {
            throw ServingDaemonErrors.NameTaken(export.Name, "another export at this address has");
        }
    }

    private static async Task<NbdAddress> ListenAsync(QmpClient qmp, RelayRequest request, string? tls, CancellationToken cancellation)
    {
        if (request.Address is UnixNbdAddress unix)
        {
            // Once more: QEMU overwrites what is there.
            if (Libc.IsPresent(unix.Path))
                throw ServingDaemonErrors.SocketExists(unix);
            await StartAsync(qmp, unix, "unix", new JsonObject { ["path"] = unix.Path }, tls, request.MaxConnections, cancellation);
            return unix;
        }

        var tcp = (TcpNbdAddress)request.Address;
        for (int attempt = 1; ; attempt++)
        {
            TcpNbdAddress address = tcp.Port == 0 ? tcp with { Port = await FreePortAsync(tcp, cancellation) } : tcp;
            try
            {
                var data = new JsonObject { ["host"] = address.Host, ["port"] = address.Port.ToString(CultureInfo.InvariantCulture) };
                await StartAsync(qmp, address, "inet", data, tls, request.MaxConnections, cancellation);
                return address;
            }
            catch (MomentException taken) when (taken.ErrorId == ServingDaemonErrors.ExportAddressTaken && tcp.Port == 0 && attempt < Attempts)
            {
                // By somebody else, since it was picked.
            }
        }
    }

    private static async Task StartAsync(QmpClient qmp, NbdAddress address, string type, JsonObject data, string? tls, int? maxConnections, CancellationToken cancellation)
    {
        try
        {
            await qmp.NbdServerStartAsync(type, data, tls, maxConnections, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw refused.Message.Contains("Address already in use", StringComparison.Ordinal)
                ? ServingDaemonErrors.Taken(address, refused)
                : ServingDaemonErrors.Unusable(address, refused.Message.TrimEnd('.'), refused);
        }
    }

    private static async Task<int> FreePortAsync(TcpNbdAddress address, CancellationToken cancellation)
    {
        try
        {
            // The name service does not take a wildcard.
            IPAddress host = IPAddress.TryParse(address.Host, out IPAddress? literal) ? literal : (await Dns.GetHostAddressesAsync(address.Host, cancellation))[0];
            using var socket = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(host, 0));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
        catch (SocketException failure)
        {
            throw ServingDaemonErrors.Unusable(address, failure.Message.TrimEnd('.'), failure);
        }
    }
}
