using System.Diagnostics;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>
/// The transmission phase: sends requests, many at once, and runs the receive loop. When the connection dies, for whatever
/// reason, the loop ends first and then every waiter fails, so that no buffer is touched behind a caller's back.
/// </summary>
internal sealed class NbdLink : IAsyncDisposable
{
    private readonly NbdStream _stream;
    private readonly NbdOptions _options;
    private readonly NbdPending _pending;
    private readonly SemaphoreSlim _slots;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly byte[] _header = new byte[RequestLength];
    private readonly CancellationTokenSource _closing = new();
    private readonly Timer _watch;
    private readonly Task _receiving;
    private Exception? _death;
    private int _disposed;

    public NbdLink(NbdStream stream, bool structuredReplies, NbdOptions options)
    {
        _stream = stream;
        _options = options;
        _slots = new SemaphoreSlim(options.MaxInFlight, options.MaxInFlight);
        _pending = new NbdPending(stream.Endpoint, _slots);
        TimeSpan period = options.SilenceTimeout == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : options.SilenceTimeout / 4;
        _watch = new Timer(static state => ((NbdLink)state!).WatchSilence(), this, period, period);
        _receiving = Task.Run(() => ReceiveAsync(new NbdReceiver(stream, _pending, structuredReplies)));
    }

    /// <summary>Requests under way.</summary>
    public int InFlight => _pending.Count;

    /// <summary>Sends a request and waits for the end of its reply.</summary>
    public async Task RunAsync(NbdRequest request, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        await _pending.AddAsync(request, cancellation);
        await SendAsync(request);
        await request.WaitAsync(cancellation);
    }

    /// <summary>Says goodbye (NBD_CMD_DISC), waits until the server has answered what is in flight and hung up, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _receiving;
            return;
        }

        Task goodbye = SendAsync(new NbdDisconnectRequest(_stream.Endpoint));
        await Task.WhenAny(_receiving, Task.Delay(_options.DisconnectTimeout, _closing.Token));
        Kill(new EndOfStreamException("This side closed the connection."));
        await goodbye;
        await _receiving;
        await _watch.DisposeAsync();
        _closing.Dispose();
    }

    // Half a request on the wire would garble all that follow, so the caller's cancellation has no say here.
    private async Task SendAsync(NbdRequest request)
    {
        try
        {
            await _sending.WaitAsync(_closing.Token);
            try
            {
                request.Write(_header);
                await _stream.WriteAsync(_header, _closing.Token);
            }
            finally
            {
                _sending.Release();
            }
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The receive loop fails the request, with the reason that came first.
            Kill(failure);
        }
    }

    private async Task ReceiveAsync(NbdReceiver receiver)
    {
        try
        {
            await receiver.RunAsync(_closing.Token);
        }
        catch (Exception failure)
        {
            Kill(failure);
        }

        await _stream.DisposeAsync();
        _pending.FailAll(_death!);
    }

    private void WatchSilence()
    {
        if (_pending.WaitingSince is { } waiting
            && Stopwatch.GetElapsedTime(Math.Max(waiting, _stream.LastReceived)) >= _options.SilenceTimeout)
            Kill(NbdErrors.ServerSilent(_stream.Endpoint, _options.SilenceTimeout));
    }

    private void Kill(Exception reason)
    {
        if (Interlocked.CompareExchange(ref _death, reason, null) is null)
            _closing.Cancel();
    }
}
