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
    private long _sendingSince;
    private int _disposed;

    public NbdLink(NbdStream stream, bool structuredReplies, bool writable, NbdOptions options)
    {
        _stream = stream;
        _options = options;
        _slots = new SemaphoreSlim(options.MaxInFlight, options.MaxInFlight);
        _pending = new NbdPending(stream.Endpoint, writable, _slots);
        TimeSpan period = options.SilenceTimeout == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : options.SilenceTimeout / 4;
        _watch = new Timer(static state => ((NbdLink)state!).WatchSilence(), this, period, period);
        _receiving = Task.Run(() => ReceiveAsync(new NbdReceiver(stream, _pending, structuredReplies)));
    }

    /// <summary>Requests under way.</summary>
    public int InFlight => _pending.Count;

    /// <summary>
    /// Sends a request and waits for the end of its reply. A cancellation that meets a request half on the wire gives it
    /// <see cref="NbdOptions.DisconnectTimeout"/> to go out, and ends the connection if it cannot.
    /// </summary>
    public async Task RunAsync(NbdRequest request, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        await _pending.AddAsync(request, cancellation);
        await SendAsync(request, cancellation);
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

        Task goodbye = SendAsync(new NbdDisconnectRequest(_stream.Endpoint), CancellationToken.None);
        await Task.WhenAny(_receiving, Task.Delay(_options.DisconnectTimeout, _closing.Token));
        Kill(new EndOfStreamException("This side closed the connection."));
        await goodbye;
        await _receiving;
        await _watch.DisposeAsync();
        _closing.Dispose();
    }

    private async Task SendAsync(NbdRequest request, CancellationToken cancellation)
    {
        try
        {
            await _sending.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // Nothing of it is on the wire.
            _pending.Remove(request);
            throw;
        }

        Volatile.Write(ref _sendingSince, Stopwatch.GetTimestamp());
        try
        {
            // Half a request on the wire would garble all that follow: the caller's cancellation does not cut it short.
            Task sending = WriteAsync(request);
            if (!sending.IsCompleted)
            {
                await using CancellationTokenRegistration impatience = cancellation.UnsafeRegister(_ => _ = GiveUpSoonAsync(sending), null);
                await sending;
            }

            await sending;
        }
        catch (Exception failure)
        {
            // The receive loop fails the request, with the reason that came first.
            Kill(failure);
        }
        finally
        {
            Volatile.Write(ref _sendingSince, 0);
            _sending.Release();
        }
    }

    private async Task WriteAsync(NbdRequest request)
    {
        request.Write(_header);
        await _stream.WriteAsync(_header, _closing.Token);
        if (!request.Payload.IsEmpty)
            await _stream.WriteAsync(request.Payload, _closing.Token);
    }

    private async Task GiveUpSoonAsync(Task sending)
    {
        await Task.WhenAny(sending, Task.Delay(_options.DisconnectTimeout, CancellationToken.None));
        if (!sending.IsCompleted)
            Kill(new IOException("The server did not take the rest of a request that was cancelled."));
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
        // A request that the server does not take counts too: it may have been answered before it was sent.
        long sending = Volatile.Read(ref _sendingSince);
        long since = Math.Min(sending > 0 ? sending : long.MaxValue, _pending.WaitingSince ?? long.MaxValue);
        if (since != long.MaxValue && Stopwatch.GetElapsedTime(Math.Max(since, _stream.LastReceived)) >= _options.SilenceTimeout)
            Kill(NbdErrors.ServerSilent(_stream.Endpoint, _options.SilenceTimeout));
    }

    private void Kill(Exception reason)
    {
        if (Interlocked.CompareExchange(ref _death, reason, null) is null)
            _closing.Cancel();
    }
}
