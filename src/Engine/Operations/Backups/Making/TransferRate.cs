namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// How fast a transfer is, and how long it takes still. What counts is the speed of late: storage slows down when its caches are full, and
/// what is still to do meets that speed. Pure; not for several threads at once.
/// </summary>
internal sealed class TransferRate
{
    /// <summary>Time after which what was measured before has half its weight.</summary>
    private static readonly TimeSpan HalfLife = TimeSpan.FromSeconds(5);

    // Before so much has been seen nothing is said: a first burst goes into caches.
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    private TimeSpan? _start;
    private TimeSpan _last;
    private long _done;
    private double _weightedBytes, _weightedSeconds;

    /// <summary>Bytes a second, or null while that cannot be told.</summary>
    public double? BytesPerSecond => _last - (_start ?? _last) < Shortest || _weightedBytes <= 0 ? null : _weightedBytes / _weightedSeconds;

    /// <summary>Notes how much was done at a time.</summary>
    /// <param name="at">On a clock that never goes back, from any beginning.</param>
    /// <param name="done">Bytes done so far.</param>
    public void Add(TimeSpan at, long done)
    {
        if (_start is null || done < _done)
        {
            // A job that begins anew is another transfer.
            (_start, _last, _done, _weightedBytes, _weightedSeconds) = (at, at, done, 0, 0);
            return;
        }

        double seconds = (at - _last).TotalSeconds;
        if (seconds <= 0)
            return;
        double fade = Math.Pow(0.5, seconds / HalfLife.TotalSeconds);
        _weightedBytes = _weightedBytes * fade + (done - _done);
        _weightedSeconds = _weightedSeconds * fade + seconds;
        (_last, _done) = (at, done);
    }

    /// <summary>How long the rest takes at this speed, in whole seconds rounded up; null while that cannot be told.</summary>
    /// <param name="total">Bytes to do in all.</param>
    public TimeSpan? Remaining(long total)
    {
        if (BytesPerSecond is not { } speed)
            return null;
        // What arithmetic leaves behind the point is no second.
        double seconds = Math.Ceiling(Math.Max(0, total - _done) / speed - 1e-6);
        return seconds > int.MaxValue ? null : TimeSpan.FromSeconds(seconds);
    }
}
