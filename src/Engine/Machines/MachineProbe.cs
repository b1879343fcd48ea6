using System.Globalization;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>What a machine is doing, and how it is reached.</summary>
/// <param name="State">Unknown where its QEMU is there, or may be, and does not answer; <paramref name="Trouble"/> then says why.</param>
/// <param name="Process">QEMU, where MomentTools started it and it runs.</param>
/// <param name="Monitor">The monitor for changes, or null while the machine is stopped.</param>
/// <param name="SecondMonitor">The monitor for queries; for an attached machine the same.</param>
internal sealed record MachineProbe(
    VMState State, HostProcess? Process, QmpAddress? Monitor, QmpAddress? SecondMonitor, bool Attached, MomentException? Trouble = null)
{
    /// <summary>Asks the machine; nothing is changed.</summary>
    public static async Task<MachineProbe> RunAsync(DomainPlace place, DomainDocument domain, CancellationToken cancellation)
    {
        MachineProbe found = Find(place, domain);
        if (found.SecondMonitor is not { } monitor)
            return found;
        try
        {
            await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
            QmpStatus status = await qmp.QueryStatusAsync(cancellation);
            return found with { State = StateOf(status.Status) };
        }
        catch (MomentException failure)
        {
            return found.Attached && failure.ErrorId == QmpErrors.QmpMonitorUnreachable || found.Process is { IsAlive: false }
                ? Stopped(found.Attached)
                : found with { State = VMState.Unknown, Trouble = failure };
        }
    }

    /// <summary>The same without a question to the machine: one with a process or an attached monitor has the state Unknown.</summary>
    public static MachineProbe Find(DomainPlace place, DomainDocument domain)
    {
        if (domain.Monitor is { } address)
        {
            QmpAddress attached = QmpAddress.Parse(address);
            return new MachineProbe(VMState.Unknown, null, attached, attached, Attached: true);
        }

        return ProcessOf(place) is { } process
            ? new MachineProbe(VMState.Unknown, process, new UnixQmpAddress(place.MonitorPath), new UnixQmpAddress(place.SecondMonitorPath), Attached: false)
            : Stopped(attached: false);
    }

    /// <summary>The QEMU that MomentTools started for a domain, or null where none runs.</summary>
    public static HostProcess? ProcessOf(DomainPlace place)
    {
        try
        {
            // A process id is used again by others: only one whose arguments name our socket is this machine.
            return int.TryParse(File.ReadAllText(place.PidFile), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id)
                && HostProcess.Find(id) is { } process
                && process.CommandLine.Contains(MachineLauncher.MonitorArgument(place.MonitorPath), StringComparer.Ordinal) ? process : null;
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Files.FileErrors.From(failure, "read", place.PidFile);
        }
    }

    /// <summary>A line to the machine, or null where none runs.</summary>
    /// <param name="place">The domain.</param>
    /// <param name="domain">Its document.</param>
    /// <param name="access">For what: the first monitor is the one for changes.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public static async Task<QmpClient?> TryConnectAsync(DomainPlace place, DomainDocument domain, BlockAccess access, CancellationToken cancellation)
    {
        MachineProbe machine = Find(place, domain);
        if ((access == BlockAccess.Change ? machine.Monitor : machine.SecondMonitor) is not { } monitor)
            return null;
        try
        {
            return await QmpClient.ConnectAsync(monitor, cancellation);
        }
        // An attached machine that still runs somehow holds its images' locks: opening them tells.
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpMonitorUnreachable && machine.Process is not { IsAlive: true })
        {
            return null;
        }
    }

    /// <summary>Connects to a monitor of the machine. An attached one that nobody listens at is a machine that does not run.</summary>
    public async Task<QmpClient> ConnectAsync(QmpAddress monitor, string name, CancellationToken cancellation)
    {
        try
        {
            return await QmpClient.ConnectAsync(monitor, cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpMonitorUnreachable && Attached)
        {
            throw MachineErrors.NotRunning(name);
        }
    }

    /// <summary>A state as people say it.</summary>
    /// <param name="status">QAPI's <c>RunState</c>.</param>
    public static VMState StateOf(string status) => status switch
    {
        "running" => VMState.Running,
        "paused" or "prelaunch" or "suspended" or "postmigrate" => VMState.Paused,
        "io-error" => VMState.IoError,
        _ => VMState.Other,
    };

    private static MachineProbe Stopped(bool attached) => new(VMState.Stopped, null, null, null, attached);
}
