namespace MomentTools.Qmp;

/// <summary>The listeners of one link: every event goes to each that wants it.</summary>
internal sealed class QmpEventHub(string name, long maxQueued)
{
    private readonly Lock _lock = new();
    private readonly List<QmpEvents> _listeners = [];
    private Exception? _lost;

    public QmpEvents Open(IReadOnlyCollection<string> names)
    {
        var listener = new QmpEvents(name, names, maxQueued, Close);
        lock (_lock)
        {
            if (_lost is null)
                _listeners.Add(listener);
            else
                listener.Break(_lost);
        }

        return listener;
    }

    public void Publish(QmpEvent sent, int length)
    {
        lock (_lock)
        {
            foreach (QmpEvents listener in _listeners)
                listener.Offer(sent, length);
        }
    }

    public void Break(Exception reason)
    {
        lock (_lock)
        {
            _lost ??= reason;
            foreach (QmpEvents listener in _listeners)
                listener.Break(_lost);
            _listeners.Clear();
        }
    }

    private void Close(QmpEvents listener)
    {
        lock (_lock)
            _listeners.Remove(listener);
    }
}
