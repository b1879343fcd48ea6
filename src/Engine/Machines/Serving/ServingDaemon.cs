using System.Diagnostics;
using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// A qemu-storage-daemon that outlives the command that started it, and is found again by its record. It daemonizes itself: a session of
/// its own, no parent that would have to reap it, and silent once it runs, so that nothing a client does fills a disk with its words.
/// </summary>
internal sealed class ServingDaemon : IAsyncDisposable
{
    private const string Program = "qemu-storage-daemon";
    private const string SocketPrefix = "mt-sd-";
    private const string SecondSuffix = ".2";
    private const string PidSuffix = ".pid";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20), ReleaseLimit = TimeSpan.FromSeconds(5), ReleaseLook = TimeSpan.FromMilliseconds(5);

    private ServingDaemon(ServingProcess process, QmpClient qmp)
    {
        Process = process;
        Qmp = qmp;
    }

    public ServingProcess Process { get; }

    public QmpClient Qmp { get; }

    /// <summary>The QMP socket of a daemon with this id, known before it is started; a second monitor listens beside it.</summary>
    public static string SocketOf(string runtimeDirectory, string id) => Path.Combine(runtimeDirectory, SocketPrefix + id);

    /// <summary>Whether a process is a daemon of this kind, of whatever domain.</summary>
    public static bool Is(HostProcess process) => process.CommandLine is [var program, ..] line && Path.GetFileName(program) == Program
        && line.Any(argument => argument.StartsWith("socket,", StringComparison.Ordinal) && argument.Contains("/" + SocketPrefix, StringComparison.Ordinal));

    /// <summary>The daemons of one domain that run, each with its id.</summary>
    public static IEnumerable<(HostProcess Process, string Id)> In(string runtimeDirectory)
    {
        string prefix = $"socket,id=m,path={QemuArguments.Escape(Path.Combine(runtimeDirectory, SocketPrefix))}";
        foreach (HostProcess process in HostProcess.All().Where(Is))
            if (process.CommandLine.FirstOrDefault(argument => argument.StartsWith(prefix, StringComparison.Ordinal)) is { } monitor)
                yield return (process, monitor[prefix.Length..].Split(',')[0]);
    }

    /// <summary>Starts a daemon with no images and no server, and opens a line to it.</summary>
    /// <param name="runtimeDirectory">Where its sockets are.</param>
    /// <param name="id">Its id, noted before: by it the daemon is ended where its record is never written.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task<ServingDaemon> StartAsync(string runtimeDirectory, string id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        string program = QemuPrograms.Require(Program), socket = SocketOf(runtimeDirectory, id);
        // The longest of the paths must fit too.
        _ = new UnixQmpAddress(socket + SecondSuffix);
        PrivateDirectory.MakeForSockets(runtimeDirectory);
        QmpClient? qmp = null;
        try
        {
            HostProcess process = await LaunchAsync(program, socket);
            qmp = await QmpClient.ConnectAsync(new UnixQmpAddress(socket), cancellation);
            return new ServingDaemon(new ServingProcess(process.Id, process.StartTime, socket), qmp);
        }
        catch
        {
            if (qmp is not null)
                await qmp.DisposeAsync();
            await EndUnrecordedAsync(runtimeDirectory, id, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Opens a line to a daemon, or gives null where it is gone.</summary>
    /// <param name="recorded">What its record says.</param>
    /// <param name="access">Queries go through the second monitor, so that they need not wait for a change.</param>
    /// <param name="cancellation">Stops the wait for its greeting.</param>
    public static async Task<ServingDaemon?> FindAsync(ServingProcess recorded, CancellationToken cancellation, BlockAccess access = BlockAccess.Change)
    {
        if (Find(recorded) is not { } process)
            return null;
        try
        {
            string socket = access == BlockAccess.Change ? recorded.Socket : recorded.Socket + SecondSuffix;
            return new ServingDaemon(recorded, await QmpClient.ConnectAsync(new UnixQmpAddress(socket), cancellation));
        }
        catch (MomentException failure) when (failure.ErrorId is var id && (id == QmpErrors.QmpMonitorUnreachable || id == QmpErrors.QmpConnectionLost) && !process.IsAlive)
        {
            return null;
        }
    }

    /// <summary>Whether the daemon runs.</summary>
    public static bool IsAlive(ServingProcess recorded) => Find(recorded) is not null;

    /// <summary>
    /// Ends a daemon, cleanly if it can, by force if not, and removes its sockets; one that is gone already has only those removed. Its
    /// images are closed when this returns.
    /// </summary>
    /// <returns>Whether it had to be killed: what it had in memory is lost then.</returns>
    public static async Task<bool> EndAsync(ServingProcess recorded, CancellationToken cancellation)
    {
        bool killed = Find(recorded) is { } process && await EndAsync(process, cancellation);
        RemoveFiles(recorded.Socket);
        await RemoveDeadServersAsync(Path.GetDirectoryName(recorded.Socket)!, cancellation);
        return killed;
    }

    /// <summary>Ends a daemon that was to be started under this id, if it was, without a record of it.</summary>
    public static async Task EndUnrecordedAsync(string runtimeDirectory, string id, CancellationToken cancellation)
    {
        string socket = SocketOf(runtimeDirectory, id);
        foreach (HostProcess process in HostProcess.All().Where(process => IsAt(process, socket)).ToArray())
            await EndAsync(process, cancellation);
        RemoveFiles(socket);
        await RemoveDeadServersAsync(runtimeDirectory, cancellation);
    }

    /// <summary>Removes the file of a socket that nobody listens on any more; anything else is left.</summary>
    public static async Task RemoveDeadSocketAsync(UnixNbdAddress address, CancellationToken cancellation)
    {
        // Who was killed is seen no more, and has his sockets until his last thread has ended.
        for (long start = Environment.TickCount64;
            Libc.IsSocket(address.Path) && ListeningSockets.IsTaken(address) && ListeningSockets.ProcessesAt(address).Count == 0 && Environment.TickCount64 - start < ReleaseLimit.TotalMilliseconds;)
            await Task.Delay(ReleaseLook, cancellation);
        if (!Libc.IsSocket(address.Path) || ListeningSockets.IsTaken(address))
            return;
        try
        {
            File.Delete(address.Path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove the socket", address.Path);
        }
    }

    /// <summary>Ends this daemon and closes the line.</summary>
    public async Task EndAsync()
    {
        await Qmp.DisposeAsync();
        await EndAsync(Process, CancellationToken.None);
    }

    /// <summary>Closes the line; the daemon goes on.</summary>
    public ValueTask DisposeAsync() => Qmp.DisposeAsync();

    // The id of a process is used again, and after a restart of the host its start time may come again too: its arguments are its own.
    private static HostProcess? Find(ServingProcess recorded) =>
        HostProcess.Find(recorded.ProcessId) is { } process && process.StartTime == recorded.StartedAt && IsAt(process, recorded.Socket) ? process : null;

    private static bool IsAt(HostProcess process, string socket) =>
        process.CommandLine is [var program, ..] line && Path.GetFileName(program) == Program && line.Contains(Monitor("m", socket), StringComparer.Ordinal);

    private static string Monitor(string id, string socket) => $"socket,id={id},path={QemuArguments.Escape(socket)},server=on,wait=off";

    // Not cancelled: it is up or gone within a moment, and what it is can only be known then.
    private static async Task<HostProcess> LaunchAsync(string program, string socket)
    {
        string pidFile = socket + PidSuffix;
        string[] arguments =
        [
            "--daemonize", "--pidfile", pidFile,
            "--chardev", Monitor("m", socket), "--chardev", Monitor("m2", socket + SecondSuffix),
            "--monitor", "chardev=m", "--monitor", "chardev=m2",
        ];
        ProcessStartInfo start = QemuPrograms.Start(program, arguments);
        using Process starter = Launch(start);
        var words = new ProcessWords(starter);
        using var limit = new CancellationTokenSource(StartLimit);
        try
        {
            await starter.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            starter.Kill();
            throw MachineErrors.DaemonFailed("to start", $"it was not ready within {StartLimit.TotalSeconds:0} s");
        }

        if (starter.ExitCode != 0)
            throw MachineErrors.DaemonFailed($"to start (exit code {starter.ExitCode})", await words.ToEndAsync());
        return int.TryParse(await File.ReadAllTextAsync(pidFile), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id) && HostProcess.Find(id) is { } process && IsAt(process, socket)
            ? process
            : throw MachineErrors.DaemonFailed("right after its start", words.SoFar);
    }

    private static Process Launch(ProcessStartInfo start)
    {
        try
        {
            return System.Diagnostics.Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw MachineErrors.DaemonFailed("to start", failure.Message, failure);
        }
    }

    // It removes none of its sockets itself but those of its monitors.
    private static async Task<bool> EndAsync(HostProcess process, CancellationToken cancellation)
    {
        UnixNbdAddress[] sockets = [.. (ListeningSockets.Of(process.Id) ?? []).OfType<UnixNbdAddress>()];
        bool killed = await MachineStopper.EndAsync(process, cancellation);
        foreach (UnixNbdAddress socket in sockets)
            await RemoveDeadSocketAsync(socket, cancellation);
        return killed;
    }

    // Those of one that was killed.
    private static async Task RemoveDeadServersAsync(string runtimeDirectory, CancellationToken cancellation)
    {
        if (!Directory.Exists(runtimeDirectory))
            return;
        foreach (string path in Directory.EnumerateFileSystemEntries(runtimeDirectory, PrivateServer.SocketPrefix + "*").ToArray())
            await RemoveDeadSocketAsync(new UnixNbdAddress(path), cancellation);
    }

    private static void RemoveFiles(string socket)
    {
        try
        {
            foreach (string path in (string[])[socket, socket + SecondSuffix, socket + PidSuffix])
                File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The host was restarted.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove what a storage daemon left", socket);
        }
    }
}
