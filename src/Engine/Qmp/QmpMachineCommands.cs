using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>The machine as a whole: its state, and its end.</summary>
internal static class QmpMachineCommands
{
    /// <summary>Tells whether the machine runs, and if not, why (<c>query-status</c>).</summary>
    public static async Task<QmpStatus> QueryStatusAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        var reply = new QmpValue("query-status", await qmp.ExecuteAsync("query-status", null, cancellation));
        return new QmpStatus(reply["status"].Text, reply["running"].Flag);
    }

    /// <summary>Stops the processors (<c>stop</c>).</summary>
    public static Task StopAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("stop", null, cancellation);

    /// <summary>Lets the processors run (<c>cont</c>).</summary>
    public static Task ContAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("cont", null, cancellation);

    /// <summary>Wakes a guest that sleeps (<c>system_wakeup</c>); the event WAKEUP tells that it runs.</summary>
    public static Task SystemWakeupAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_wakeup", null, cancellation);

    /// <summary>Resets the machine like its button (<c>system_reset</c>).</summary>
    public static Task SystemResetAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_reset", null, cancellation);

    /// <summary>Asks the guest to shut down, as the power button does (<c>system_powerdown</c>).</summary>
    public static Task SystemPowerdownAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_powerdown", null, cancellation);

    /// <summary>Ends QEMU, which stores its bitmaps (<c>quit</c>), and waits until it has closed the link.</summary>
    public static async Task QuitAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        try
        {
            await qmp.ExecuteAsync("quit", null, cancellation);
        }
        catch (MomentException lost) when (lost.ErrorId == QmpErrors.QmpConnectionLost && lost.InnerException is IOException)
        {
            // It left before its reply did.
        }

        await qmp.Closed.WaitAsync(cancellation);
    }
}
