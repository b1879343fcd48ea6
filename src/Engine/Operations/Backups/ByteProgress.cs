using System.Diagnostics;
using MomentTools.Operations.Backups.Making;

namespace MomentTools.Operations.Backups;

/// <summary>Adds up the bytes of the steps of one operation, and tells them now and then, one call at a time.</summary>
internal sealed class ByteProgress(IOperationReport report, string activity, long total)
{
    private const long TellEvery = 64 << 20;

    private readonly Lock _gate = new();
    private readonly TransferRate _rate = new();
    private long _done;
    private long _told = -TellEvery;

    /// <summary>Where a step tells each number of bytes that it has done.</summary>
    public Action<long> Step(string status) => bytes =>
    {
        lock (_gate)
        {
            _done += bytes;
            if (_done - _told < TellEvery && _done < total)
                return;
            _told = _done;
            _rate.Add(Stopwatch.GetElapsedTime(0), _done);
            report.Progress(new OperationProgress(activity, status, Math.Min(_done, total), total) { Remaining = _rate.Remaining(total) });
        }
    };

    /// <summary>The same for a step that tells how many bytes it has done in all.</summary>
    public IProgress<long> Total(string status) => new Whole(Step(status));

    private sealed class Whole(Action<long> step) : IProgress<long>
    {
        private long _last;

        public void Report(long value)
        {
            step(value - _last);
            _last = value;
        }
    }
}
