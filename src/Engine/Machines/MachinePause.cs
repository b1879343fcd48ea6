using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>
/// A guest that is told to stand still, and to go on. Each is one command that QEMU carries out whole or not at all, so nothing of it can
/// be half-done.
/// </summary>
internal sealed class MachinePause(QmpClient qmp, string name)
{
    private static readonly TimeSpan WakeLimit = TimeSpan.FromSeconds(20);

    /// <summary>Stops the processors.</summary>
    /// <returns>False where they stood still already: then nothing was done.</returns>
    public async Task<bool> SuspendAsync(CancellationToken cancellation)
    {
        QmpStatus status = await qmp.QueryStatusAsync(cancellation);
        if (!status.Running)
        {
            if (MachineProbe.StateOf(status.Status) is VMState.Paused or VMState.IoError)
                return false;
            throw new MomentException(
                MachineErrors.VMStateUnfit, $"Cannot suspend domain '{name}': its guest does not run, and not because somebody paused it (QEMU says '{status.Status}').", name,
                "Wait for what its QEMU is doing, or stop it with Stop-VMDomain -Force.");
        }

        await qmp.StopAsync(cancellation);
        return true;
    }

    /// <summary>Lets the processors run, and wakes a guest that sleeps.</summary>
    /// <returns>False where they ran already: then nothing was done.</returns>
    public async Task<bool> ResumeAsync(CancellationToken cancellation)
    {
        QmpStatus status = await qmp.QueryStatusAsync(cancellation);
        if (status.Running)
            return false;
        if (status.Status is "inmigrate" or "finish-migrate" or "restore-vm" or "save-vm" or "colo")
        {
            // QEMU would take the command for later, or go on from what is half there.
            throw new MomentException(
                MachineErrors.VMStateUnfit, $"Cannot resume domain '{name}': its QEMU is at work with the guest's memory (it says '{status.Status}').", name,
                "Wait until that has ended, then try again. Get-VMDomain shows the state.");
        }

        try
        {
            if (status.Status == "suspended")
                await WakeAsync(cancellation);
            else
                await qmp.ContAsync(cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw new MomentException(
                MachineErrors.VMResumeRefused, $"Cannot resume domain '{name}', of which QEMU says '{status.Status}'. {failure.Message}", name,
                "Such a guest does not go on from where it is: stop it with Stop-VMDomain -Force and start it again.", failure) { PeerErrorClass = failure.PeerErrorClass };
        }

        return true;
    }

    // Of a guest that put itself to sleep (ACPI S3) QEMU takes 'cont' without a word and without effect.
    private async Task WakeAsync(CancellationToken cancellation)
    {
        using QmpEvents woken = qmp.Subscribe("WAKEUP");
        await qmp.SystemWakeupAsync(cancellation);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(WakeLimit);
        try
        {
            await woken.NextAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new MomentException(MachineErrors.VMStuck, $"Domain '{name}' was told to wake up and did not within {WakeLimit.TotalSeconds:0} s.", name, "Its storage may hang. See QEMU's log.");
        }
    }
}
