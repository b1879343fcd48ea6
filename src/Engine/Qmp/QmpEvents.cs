using System.Threading.Channels;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// One listener's own queue of events, in the order in which QEMU sent them. Open it before the command that causes
/// the event is sent: an event may come before that command's reply.
/// </summary>
internal sealed class QmpEvents : IDisposable
{
    // What one event costs beside its text.
    private const int Overhead = 256;

    private readonly Channel<(QmpEvent Event, int Cost)> _queue = Channel.CreateUnbounded<(QmpEvent Event, int Cost)>();
    private readonly string _name;
    private readonly HashSet<string>? _wanted;
    private readonly long _maxQueued;
    private readonly Action<QmpEvents> _ended;
    private long _queued;

    internal QmpEvents(string name, IReadOnlyCollection<string> wanted, long maxQueued, Action<QmpEvents> ended)
    {
        _name = name;
        _wanted = wanted.Count == 0 ? null : new HashSet<string>(wanted, StringComparer.Ordinal);
        _maxQueued = maxQueued;
        _ended = ended;
    }

    /// <summary>Waits for the next event; when the link has broken and the queue is empty, throws the link's error.</summary>
    public async ValueTask<QmpEvent> NextAsync(CancellationToken cancellation)
    {
        try
        {
            (QmpEvent next, int cost) = await _queue.Reader.ReadAsync(cancellation);
            Interlocked.Add(ref _queued, -cost);
            return next;
        }
        catch (ChannelClosedException closed)
        {
            throw closed.InnerException switch
            {
                MomentException overrun when overrun.ErrorId == QmpErrors.QmpEventsOverrun => overrun,
                ObjectDisposedException => new ObjectDisposedException(nameof(QmpEvents)),
                Exception reason => QmpErrors.ConnectionLost(_name, "A wait for events", reason),
                null => new ObjectDisposedException(nameof(QmpEvents)),
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended(this);
        _queue.Writer.TryComplete();
    }

    internal void Offer(QmpEvent sent, int length)
    {
        if (_wanted?.Contains(sent.Name) == false)
            return;
        int cost = length + Overhead;
        // Events must not be lost silently and must not eat the memory: the listener is told that it fell behind.
        if (Interlocked.Add(ref _queued, cost) > _maxQueued + Overhead)
            _queue.Writer.TryComplete(Overrun());
        else
            _queue.Writer.TryWrite((sent, cost));
    }

    internal void Break(Exception reason) => _queue.Writer.TryComplete(reason);

    private MomentException Overrun() => new(
        QmpErrors.QmpEventsOverrun, $"More than {_maxQueued} bytes of events from {_name} waited to be read, and events after them were lost.", _name,
        "Ask QEMU for the present state: what the lost events said is not known.");
}
