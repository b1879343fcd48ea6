using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Stops a machine: asks its guest, or ends its QEMU, which closes the images cleanly.</summary>
internal sealed class MachineStopper(DomainPlace place, DomainDocument domain)
{
    private static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);

    /// <summary>Stops the machine and returns when it is gone.</summary>
    /// <param name="timeout">How long the guest may take to shut down.</param>
    /// <returns>Warnings.</returns>
    public async Task<IReadOnlyList<string>> StopAsync(bool force, TimeSpan timeout, CancellationToken cancellation)
    {
        MachineProbe machine = MachineProbe.Find(place, domain);
        if (machine.Monitor is not { } monitor)
            throw MachineErrors.NotRunning(domain.Name);
        IReadOnlyList<string> warnings = force ? await ForceAsync(machine, monitor, cancellation) : await AskAsync(machine, monitor, timeout, cancellation);
        MachineFiles.Remove(place);
        return warnings;
    }

    /// <summary>Ends a QEMU or daemon by signals: first the one that lets it close its images.</summary>
    /// <returns>Whether it had to be killed.</returns>
    public static async Task<bool> EndAsync(HostProcess process, CancellationToken cancellation)
    {
        process.Signal(HostProcess.Terminate);
        if (await process.EndsWithinAsync(QuitLimit, cancellation))
            return false;
        process.Signal(HostProcess.Kill);
        if (!await process.EndsWithinAsync(KillLimit, cancellation))
            throw new MomentException(MachineErrors.VMStuck, $"Process {process.Id} ({process.Name}) does not end, not even when it is killed.", process.Name, "Its storage may hang. See the system's log.");
        return true;
    }

    private async Task<IReadOnlyList<string>> AskAsync(MachineProbe machine, QmpAddress monitor, TimeSpan timeout, CancellationToken cancellation)
    {
        await using QmpClient qmp = await machine.ConnectAsync(monitor, domain.Name, cancellation);
        QmpStatus status = await qmp.QueryStatusAsync(cancellation);
        if (!status.Running)
        {
            throw new MomentException(
                MachineErrors.VMPaused, $"Cannot shut domain '{domain.Name}' down: its guest stands still (QEMU says '{status.Status}') and hears nothing.", domain.Name,
                "Let it go on first (Resume-VMDomain), or stop it with -Force.");
        }

        await qmp.SystemPowerdownAsync(cancellation);
        if (!await IsGoneAsync(machine, qmp, timeout, cancellation))
        {
            throw new MomentException(
                MachineErrors.VMStopTimeout, $"Domain '{domain.Name}' was asked to shut down and still runs after {timeout.TotalSeconds:0.###} s.", domain.Name,
                "Its guest may ignore the power button, or need longer: wait and look again, or stop it with -Force.");
        }

        return [];
    }

    private async Task<IReadOnlyList<string>> ForceAsync(MachineProbe machine, QmpAddress monitor, CancellationToken cancellation)
    {
        if (machine.Process is not { } process)
        {
            await using QmpClient attached = await machine.ConnectAsync(monitor, domain.Name, cancellation);
            await attached.QuitAsync(cancellation);
            return [];
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(QuitLimit);
        try
        {
            await using QmpClient qmp = await machine.ConnectAsync(machine.SecondMonitor!, domain.Name, limit.Token);
            await qmp.QuitAsync(limit.Token);
        }
        catch (Exception failure) when (failure is MomentException || failure is OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            // Somebody holds the monitor, or QEMU does not listen; signals need neither.
        }

        if (await process.EndsWithinAsync(TimeSpan.FromSeconds(1), cancellation) || !await EndAsync(process, cancellation))
            return [];
        return [$"QEMU of domain '{domain.Name}' (process {process.Id}) did not end by itself within {QuitLimit.TotalSeconds:0} s and was killed: its images were not closed cleanly, and change tracking since the last checkpoint may be lost."];
    }

    private static async Task<bool> IsGoneAsync(MachineProbe machine, QmpClient qmp, TimeSpan timeout, CancellationToken cancellation)
    {
        if (machine.Process is { } process)
            return await process.EndsWithinAsync(timeout, cancellation);
        try
        {
            await qmp.Closed.WaitAsync(timeout, cancellation);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
