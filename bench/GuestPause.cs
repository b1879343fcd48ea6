using MomentTools.Qmp;

namespace MomentTools.Bench;

/// <summary>How long a guest stood still: from each STOP to the RESUME after it, by QEMU's own clock.</summary>
internal sealed class GuestPause : IAsyncDisposable
{
    private readonly QmpClient _qmp;
    private readonly QmpEvents _events;

    private GuestPause(QmpClient qmp)
    {
        _qmp = qmp;
        _events = qmp.Subscribe("STOP", "RESUME");
    }

    public static async Task<GuestPause> WatchAsync(QmpAddress monitor, CancellationToken cancellation) =>
        new(await QmpClient.ConnectAsync(monitor, cancellation));

    /// <summary>The sum since the last call; the guest must run now. Without a STOP it is zero.</summary>
    public async Task<TimeSpan> TakeAsync(CancellationToken cancellation)
    {
        // Events come in order: what QEMU told before this answer has come before it.
        QmpStatus status = await _qmp.QueryStatusAsync(cancellation);
        if (!status.Running)
            throw new InvalidOperationException($"The guest does not run: {status}.");
        TimeSpan sum = TimeSpan.Zero;
        DateTimeOffset? stopped = null;
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        soon.CancelAfter(TimeSpan.FromMilliseconds(50));
        try
        {
            while (true)
            {
                QmpEvent told = await _events.NextAsync(soon.Token);
                if (told.Name == "STOP")
                    stopped ??= told.Timestamp;
                else if (stopped is { } since)
                    (sum, stopped) = (sum + (told.Timestamp - since), null);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return sum;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _events.Dispose();
        await _qmp.DisposeAsync();
    }
}
