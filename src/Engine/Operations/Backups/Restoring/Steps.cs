namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Turns what is told as a sum into the steps between, one call at a time.</summary>
internal sealed class Steps(Action<long> advance) : IProgress<long>
{
    private readonly Lock _gate = new();
    private long _done;

    public void Report(long value)
    {
        lock (_gate)
        {
            if (value <= _done)
                return;
            advance(value - _done);
            _done = value;
        }
    }
}
