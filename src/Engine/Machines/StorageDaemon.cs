using System.Diagnostics;
using System.Net.Sockets;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>
/// A qemu-storage-daemon that lives as long as this object. We listen and it dials us: there is nothing to poll for, and
/// one that dies at the start shows as a process that ended, with its words.
/// </summary>
internal sealed class StorageDaemon : IAsyncDisposable
{
    private const string Program = "qemu-storage-daemon";
    private const string SocketPrefix = "sd-";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TerminateLimit = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly ProcessWords _words;
    private bool _disposed;

    private StorageDaemon(Process process, ProcessWords words, QmpClient qmp)
    {
        _process = process;
        _words = words;
        Qmp = qmp;
    }

    public QmpClient Qmp { get; }

    public int ProcessId => _process.Id;

    public static async Task<StorageDaemon> StartAsync(string runtimeDirectory, CancellationToken cancellation)
    {
        string program = QemuPrograms.Require(Program);
        PrivateDirectory.MakeForSockets(runtimeDirectory);
        // Our process id in the name tells later whether the daemon's starter is still there.
        string path = Path.Combine(runtimeDirectory, $"{SocketPrefix}{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Process? process = null;
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(new UnixQmpAddress(path).Path));
            listener.Listen(1);
            process = Launch(program, path);
            var words = new ProcessWords(process);
            QmpClient qmp = await MeetAsync(listener, process, words, cancellation);
            return new StorageDaemon(process, words, qmp);
        }
        catch (Exception failure)
        {
            if (process is not null)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
                process.Dispose();
            }

            if (failure is SocketException)
                throw FileErrors.From(new IOException(failure.Message, failure), "make the socket", path);
            throw;
        }
        finally
        {
            // The link stands; nobody else has to find it.
            listener.Dispose();
            File.Delete(path);
        }
    }

    /// <summary>Ends daemons that a starter which died left behind in this directory; each closes its images cleanly.</summary>
    /// <returns>How many there were.</returns>
    public static async Task<int> EndOrphansAsync(string runtimeDirectory, CancellationToken cancellation)
    {
        HostProcess[] orphans = [.. HostProcess.All().Where(process => IsOrphan(process, runtimeDirectory))];
        foreach (HostProcess orphan in orphans)
            orphan.Signal(HostProcess.Terminate);
        foreach (HostProcess orphan in orphans)
        {
            if (await orphan.EndsWithinAsync(CloseLimit, cancellation))
                continue;
            orphan.Signal(HostProcess.Kill);
            if (!await orphan.EndsWithinAsync(TerminateLimit, cancellation))
                throw new MomentException(MachineErrors.VMStuck, $"The storage daemon (process {orphan.Id}) that an interrupted command left behind does not end.", runtimeDirectory, "Its storage may hang. See the system's log.");
        }

        return orphans.Length;
    }

    /// <summary>Closes all images, which stores their bitmaps, and waits for the daemon's end.</summary>
    /// <exception cref="MomentException"><c>StorageDaemonFailed</c>: it ended badly, or complained; a bitmap may not be stored.</exception>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        await Qmp.QuitAsync(cancellation);
        await _process.WaitForExitAsync(cancellation);
        string words = await _words.ToEndAsync();
        if (_process.ExitCode != 0 || words.Length > 0)
            throw MachineErrors.DaemonFailed($"when it closed the images (exit code {_process.ExitCode})", words);
    }

    /// <summary>Ends the daemon if it still runs: cleanly if it can, by force if not.</summary>
    public async ValueTask DisposeAsync()
    {
        // A failed operation ends its session before it undoes, and its "using" does so again.
        if (_disposed)
            return;
        _disposed = true;
        if (!_process.HasExited)
            await EndAsync();
        await Qmp.DisposeAsync();
        _process.Dispose();
    }

    private async Task EndAsync()
    {
        using var limit = new CancellationTokenSource(CloseLimit);
        try
        {
            await Qmp.QuitAsync(limit.Token);
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (Exception failure) when (failure is MomentException or OperationCanceledException or ObjectDisposedException)
        {
            // What led here is the error to report. A daemon that does not listen is told by signals.
            if (HostProcess.Find(_process.Id) is { } daemon)
            {
                daemon.Signal(HostProcess.Terminate);
                if (!await daemon.EndsWithinAsync(TerminateLimit, CancellationToken.None))
                    daemon.Signal(HostProcess.Kill);
            }

            await _process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static Process Launch(string program, string path)
    {
        string[] arguments = ["--chardev", $"socket,id=m,path={path.Replace(",", ",,", StringComparison.Ordinal)}", "--monitor", "chardev=m"];
        try
        {
            return Process.Start(QemuPrograms.Start(program, arguments))!;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw MachineErrors.DaemonFailed("to start", failure.Message, failure);
        }
    }

    private static async Task<QmpClient> MeetAsync(Socket listener, Process process, ProcessWords words, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StartLimit);
        Task ended = process.WaitForExitAsync(limit.Token);
        Task<Socket> met = listener.AcceptAsync(limit.Token).AsTask();
        try
        {
            if (await Task.WhenAny(ended, met) == ended && !limit.IsCancellationRequested)
                throw MachineErrors.DaemonFailed($"to start (exit code {process.ExitCode})", await words.ToEndAsync());
            return await QmpClient.OverAsync(new NetworkStream(await met, ownsSocket: true), $"the storage daemon (process {process.Id})", limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw MachineErrors.DaemonFailed("to start", $"it did not answer within {StartLimit.TotalSeconds:0} s");
        }
        finally
        {
            await limit.CancelAsync();
        }
    }

    // Whose starter lives is its child; the orphan of a dead one has got another parent.
    private static bool IsOrphan(HostProcess process, string runtimeDirectory)
    {
        string prefix = $"socket,id=m,path={Path.Combine(runtimeDirectory, SocketPrefix).Replace(",", ",,", StringComparison.Ordinal)}";
        IReadOnlyList<string> line = process.CommandLine;
        if (line.Count == 0 || Path.GetFileName(line[0]) != Program || line.FirstOrDefault(argument => argument.StartsWith(prefix, StringComparison.Ordinal)) is not { } socket)
            return false;
        string starter = socket[prefix.Length..].Split('-')[0];
        return starter != process.ParentId.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }
}
