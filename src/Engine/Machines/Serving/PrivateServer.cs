using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// The one NBD server that a QEMU or a storage daemon can run. Ours listens on a socket in the domain's runtime directory and nowhere
/// else; one that somebody else started is shared where it can be reached, and never stopped.
/// </summary>
internal static class PrivateServer
{
    public const string SocketPrefix = "mt-nbd-";

    private const int Attempts = 3;

    private static readonly NbdOptions Probe = NbdOptions.Default with { HandshakeTimeout = TimeSpan.FromSeconds(2) };

    /// <summary>Starts the server, or finds the one that runs.</summary>
    /// <param name="qmp">The line to the process that serves.</param>
    /// <param name="runtimeDirectory">Where the socket of a new one is made.</param>
    /// <param name="qemuProcessId">That process, where it is known; else the line tells it.</param>
    /// <param name="cancellation">Stops the wait, not what QEMU was told.</param>
    /// <returns>Where it listens, and whether any session of ours started it.</returns>
    /// <exception cref="MomentException"><c>NbdServerForeign</c>: somebody else's server cannot be reached, or wants TLS.</exception>
    public static async Task<(NbdAddress Address, bool Ours)> EnsureAsync(QmpClient qmp, string runtimeDirectory, int? qemuProcessId, CancellationToken cancellation)
    {
        string path = Path.Combine(runtimeDirectory, SocketPrefix + Guid.NewGuid().ToString("N")[..8]);
        try
        {
            PrivateDirectory.MakeForSockets(runtimeDirectory);
            await qmp.NbdServerStartUnixAsync(path, null, cancellation);
            return (new UnixNbdAddress(path), true);
        }
        catch (MomentException refused) when (Says(refused, "server already running"))
        {
            (NbdAddress? found, bool ours, string why) = await FindAsync(qmp, runtimeDirectory, qemuProcessId, cancellation);
            return found is null ? throw Foreign(qmp, why, refused) : (found, ours);
        }
    }

    /// <summary>Serves a node, on a server started for it where none runs, and tells where.</summary>
    /// <inheritdoc cref="EnsureAsync"/>
    /// <inheritdoc cref="QmpExportCommands.BlockExportAddAsync"/>
    public static async Task<NbdAddress> AddExportAsync(
        QmpClient qmp, string runtimeDirectory, int? qemuProcessId, string id, string node, string name, IReadOnlyCollection<BitmapRef> bitmaps, bool writable, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            (NbdAddress address, _) = await EnsureAsync(qmp, runtimeDirectory, qemuProcessId, cancellation);
            try
            {
                await qmp.BlockExportAddAsync(id, node, name, bitmaps, writable, cancellation);
                return address;
            }
            catch (MomentException refused) when (attempt < Attempts && IsStopped(refused))
            {
                // Another session that was the last on it stopped it just now.
            }
        }
    }

    /// <summary>Stops the server if it is ours and serves nothing any more; its socket is gone then.</summary>
    public static async Task StopIfLastAsync(QmpClient qmp, string runtimeDirectory, CancellationToken cancellation)
    {
        if ((await qmp.QueryBlockExportsAsync(cancellation)).Count > 0 || await OwnAsync(qmp, runtimeDirectory, null, cancellation) is not { } own)
            return;
        await StopAsync(qmp, own, cancellation);
    }

    /// <summary>Stops a server of ours, whatever it serves.</summary>
    public static async Task StopAsync(QmpClient qmp, UnixNbdAddress own, CancellationToken cancellation)
    {
        try
        {
            await qmp.NbdServerStopAsync(cancellation);
        }
        catch (MomentException stopped) when (IsStopped(stopped))
        {
            // By another session, in this moment.
        }

        File.Delete(own.Path);
    }

    /// <summary>Whether QEMU refused because no server runs.</summary>
    public static bool IsStopped(MomentException refused) => Says(refused, "server not running");

    /// <summary>Where the server of this process listens if one of ours started it; null where none runs or it is somebody else's.</summary>
    public static async Task<UnixNbdAddress?> OwnAsync(QmpClient qmp, string runtimeDirectory, int? qemuProcessId, CancellationToken cancellation)
    {
        string prefix = Path.Combine(runtimeDirectory, SocketPrefix);
        if ((qemuProcessId ?? MonitorProcess.Of(qmp)) is { } id && ListeningSockets.Of(id) is { } sockets)
            return sockets.OfType<UnixNbdAddress>().FirstOrDefault(socket => socket.Path.StartsWith(prefix, StringComparison.Ordinal));
        // Whose sockets they are cannot be seen: one that answers, and is no storage daemon's, is taken for its.
        if (!Directory.Exists(runtimeDirectory))
            return null;
        foreach (string path in Directory.EnumerateFileSystemEntries(runtimeDirectory, SocketPrefix + "*").ToArray())
        {
            var address = new UnixNbdAddress(path);
            if (ListeningSockets.ProcessesAt(address).Any(ServingDaemon.Is))
                continue;
            (bool answers, MomentException? failure) = await AnswersAsync(address, cancellation);
            if (answers)
                return address;
            // Left by a QEMU that was killed.
            if (failure!.ErrorId == NbdErrors.NbdConnectFailed)
                File.Delete(path);
        }

        return null;
    }

    private static async Task<(NbdAddress? Address, bool Ours, string Why)> FindAsync(QmpClient qmp, string runtimeDirectory, int? qemuProcessId, CancellationToken cancellation)
    {
        int? process = qemuProcessId ?? MonitorProcess.Of(qmp);
        if (await OwnAsync(qmp, runtimeDirectory, process, cancellation) is { } own)
            return (own, true, "");
        if (process is null || ListeningSockets.Of(process.Value) is not { } sockets)
            return (null, false, "where it listens cannot be seen by this user");
        IReadOnlyList<string> characters = await CharacterDevicesAsync(qmp, cancellation);
        string why = "none of QEMU's sockets that can be reached from here answers as an NBD server";
        foreach (NbdAddress address in sockets.Where(socket => !characters.Any(name => IsNamed(socket, name))))
        {
            (bool answers, MomentException? failure) = await AnswersAsync(address, cancellation);
            if (answers)
                return (address, false, "");
            if (failure!.ErrorId == NbdErrors.NbdTlsRequired)
                return (null, false, $"it wants TLS at {address}");
            if (failure.ErrorId == NbdErrors.NbdHandshakeTimeout)
                why = $"it has as many clients as it takes, or does not answer at {address}";
        }

        return (null, false, why);
    }

    private static async Task<(bool Answers, MomentException? Failure)> AnswersAsync(NbdAddress address, CancellationToken cancellation)
    {
        try
        {
            await NbdClient.ListAsync(address, cancellation, Probe);
            return (true, null);
        }
        catch (MomentException failure)
        {
            // A server that does not list its exports serves them all the same.
            return (failure.ErrorId == NbdErrors.NbdNegotiationRefused, failure);
        }
    }

    // A monitor, a console, the guest agent: whoever connects there takes the place of the one who should.
    private static async Task<IReadOnlyList<string>> CharacterDevicesAsync(QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-chardev", null, cancellation);
        return new QmpValue("query-chardev", reply).List(device => device["filename"].Text);
    }

    private static bool IsNamed(NbdAddress socket, string characterDevice) => characterDevice.Contains(
        socket switch
        {
            UnixNbdAddress unix => $"unix:{unix.Path}",
            TcpNbdAddress tcp => ":" + tcp.Port.ToString(CultureInfo.InvariantCulture) + ",",
            _ => throw new InvalidOperationException($"{socket.GetType().Name} is no kind of socket."),
        },
        StringComparison.Ordinal);

    private static MomentException Foreign(QmpClient qmp, string why, MomentException refused) => new(
        MachineErrors.NbdServerForeign, $"QEMU at {qmp.Name} runs an NBD server that somebody else started, it can run only one, and that one cannot be shared: {why}.", qmp.Name,
        "Wait until that export has ended, or stop it with the tool that started it (a backup by libvirt, for instance).", refused);

    private static bool Says(MomentException refused, string words) =>
        refused.ErrorId == QmpErrors.QmpCommandFailed && refused.Message.Contains(words, StringComparison.Ordinal);
}
