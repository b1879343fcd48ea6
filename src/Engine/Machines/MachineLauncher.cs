using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Starts QEMU for a domain from its document. Either the machine is up in the end, or nothing is left behind.</summary>
internal sealed class MachineLauncher(DomainPlace place, DomainDocument domain)
{
    private const string IncomingSocket = ".in";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan WordsLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockLook = TimeSpan.FromMilliseconds(100);

    /// <summary>The value of <c>-qmp</c> for a socket: also what tells our QEMU from another process with its id.</summary>
    public static string MonitorArgument(string path) => $"unix:{QemuArguments.Escape(path)},server=on,wait=off";

    /// <summary>Starts the machine.</summary>
    /// <param name="paused">Whether the guest waits for <c>cont</c>.</param>
    /// <param name="check">Looks at the machine before its guest has done anything; what it throws ends the machine again.</param>
    /// <param name="cancellation">Stops the start; the machine is ended then.</param>
    public Task<StartedMachine> StartAsync(bool paused, Func<QmpClient, CancellationToken, Task>? check, CancellationToken cancellation) =>
        StartAsync(paused, memory: null, check, cancellation);

    /// <summary>Starts the machine with a memory that was saved.</summary>
    /// <param name="memory">What it goes on with, or null for a machine that boots.</param>
    /// <inheritdoc cref="StartAsync(bool, Func{QmpClient, CancellationToken, Task}?, CancellationToken)"/>
    public async Task<StartedMachine> StartAsync(bool paused, IncomingMemory? memory, Func<QmpClient, CancellationToken, Task>? check, CancellationToken cancellation)
    {
        if (domain.Monitor is not null)
            throw MachineErrors.Attached(domain.Name, "start");
        if (MachineProbe.ProcessOf(place) is { } running)
            throw MachineErrors.AlreadyRunning(domain.Name, running.Id);
        QemuCommandLine line = QemuCommandLine.Build(domain, await RuntimeAsync(cancellation));
        string program = QemuPrograms.Require(line.Emulator);
        place.MakeRuntimeDirectory();
        await StorageDaemon.EndOrphansAsync(place.RuntimeDirectory, cancellation);
        HostProcess process = await LaunchAsync(program, line, memory is not null, cancellation);
        try
        {
            await using QmpClient qmp = await QmpClient.ConnectAsync(new UnixQmpAddress(place.MonitorPath), cancellation);
            foreach ((string protocol, string password) in line.Passwords)
                await qmp.ExecuteAsync("set_password", new JsonObject { ["protocol"] = protocol, ["password"] = password }, cancellation);
            if (memory is not null)
                await memory.LoadAsync(qmp, place.MonitorPath + IncomingSocket, Log, cancellation);
            if (check is not null)
                await check(qmp, cancellation);
            if (!paused)
                await qmp.ContAsync(cancellation);
        }
        catch
        {
            await EndAsync(process);
            throw;
        }

        return new StartedMachine(process, line.Warnings);
    }

    private async Task<QemuRuntime> RuntimeAsync(CancellationToken cancellation)
    {
        Dictionary<string, IReadOnlyList<ImageLayer>> chains = new(StringComparer.Ordinal);
        foreach (DomainDisk disk in domain.Disks.Where(disk => disk.SourcePath is not null))
            chains[disk.Target] = await DiskChain.ResolveAsync(domain.Name, disk, readOnly: false, cancellation);
        return new QemuRuntime(place.MonitorPath, place.SecondMonitorPath, place.PidFile, place.LogPath, chains);
    }

    private async Task<HostProcess> LaunchAsync(string program, QemuCommandLine line, bool incoming, CancellationToken cancellation)
    {
        for (long start = Environment.TickCount64; ;)
        {
            MachineFiles.Remove(place);
            (bool started, string words) = await RunAsync(program, line, incoming);
            if (started && MachineProbe.ProcessOf(place) is { } process)
                return process;
            MachineFiles.Remove(place);
            if (!ImageLock.Is(words))
                throw MachineErrors.StartFailed(domain.Name, words);
            // A process that was killed keeps its locks until its last thread has ended.
            if (Environment.TickCount64 - start > LockPatience.TotalMilliseconds)
                throw DiskErrors.Locked($"start domain '{domain.Name}'", ImageLock.PathIn(words) ?? "an image", words);
            await Task.Delay(LockLook, cancellation);
        }
    }

    // Not cancelled: QEMU is up or gone within a moment, and what it is can only be known then.
    private async Task<(bool Started, string Words)> RunAsync(string program, QemuCommandLine line, bool incoming)
    {
        ProcessStartInfo start = QemuPrograms.Start(program, [.. line.Arguments, "-S", .. incoming ? (string[])["-incoming", "defer"] : []]);
        foreach ((string name, string value) in line.Environment)
            start.Environment[name] = value;
        RenewLog();
        using Process process = Launch(start);
        var words = new ProcessWords(process);
        using var limit = new CancellationTokenSource(StartLimit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            if (MachineProbe.ProcessOf(place) is { } daemon)
                await EndAsync(daemon);
            return (false, $"it was not ready within {StartLimit.TotalSeconds:0} s. {Words(words)}");
        }

        if (process.ExitCode == 0)
            return (true, "");
        await Task.WhenAny(words.ToEndAsync(), Task.Delay(WordsLimit));
        return (false, Words(words));
    }

    private Process Launch(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw MachineErrors.StartFailed(domain.Name, failure.Message, failure);
        }
    }

    // Before it is a daemon QEMU speaks on standard error, afterwards in its log.
    private string Words(ProcessWords words)
    {
        return string.Join('\n', ((string[])[words.SoFar, Log()]).Where(part => part.Length > 0));
    }

    private string Log() => File.Exists(place.LogPath) ? File.ReadAllText(place.LogPath).Trim() : "";

    private void RenewLog()
    {
        try
        {
            File.Delete(place.LogPath);
            // QEMU would make it for its group to read.
            OwnedFile.Create(place.LogPath).Dispose();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "make the log anew", place.LogPath);
        }
    }

    private async Task EndAsync(HostProcess process)
    {
        await MachineStopper.EndAsync(process, CancellationToken.None);
        MachineFiles.Remove(place);
    }
}
