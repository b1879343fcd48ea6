using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Waits for the end of a migration whose stream nobody takes any more. It ends of that by itself; to cancel it is for the pause before the
/// switchover: on the way into that pause a cancelled migration of QEMU 7.2 waits for ever, and the guest with it.
/// </summary>
internal static class MigrationEnd
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan BreakLimit = TimeSpan.FromSeconds(10);

    /// <param name="qmp">The machine; the other end of the stream is closed.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public static async Task WaitAsync(QmpClient qmp, CancellationToken cancellation)
    {
        long begun = Environment.TickCount64;
        for (bool cancelled = false; await qmp.QueryMigrateAsync(cancellation) is { IsActive: true } now; await Task.Delay(Look, cancellation))
        {
            if (cancelled || (now.Status != "pre-switchover" && Environment.TickCount64 - begun < BreakLimit.TotalMilliseconds))
                continue;
            cancelled = true;
            await qmp.MigrateCancelAsync(cancellation);
        }
    }
}
