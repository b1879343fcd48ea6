namespace MomentTools.Cmdlets.Pipeline;

/// <summary>
/// Lets asynchronous work speak to a pipeline: the work runs on the thread pool, what it posts runs in order on the thread
/// that called <see cref="Run"/>, and that thread comes back only when the work has ended. One pump serves one run.
/// </summary>
internal sealed class PipelinePump
{
    private readonly object _gate = new();
    private readonly Queue<Action> _calls = new();
    private bool _ended;

    /// <summary>Hands a call to the pipeline's thread, from any thread. After the end of the work it is dropped.</summary>
    public void Post(Action call)
    {
        lock (_gate)
        {
            if (_ended)
                return;
            _calls.Enqueue(call);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>
    /// Runs the work to its end and gives its result, or throws what it threw. A stop only asks the work to end: its own
    /// clean-up is waited for. If a posted call throws, the work is cancelled, waited for, and the call's exception goes on.
    /// </summary>
    public T Run<T>(Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task<T> task = Task.Run(() => work(cancel.Token), CancellationToken.None);
        _ = task.ContinueWith(_ => End(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            while (Next() is { } call)
                call();
        }
        catch
        {
            cancel.Cancel();
            ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
            throw;
        }

        return task.GetAwaiter().GetResult();
    }

    private Action? Next()
    {
        lock (_gate)
        {
            while (_calls.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            return _calls.TryDequeue(out Action? call) ? call : null;
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.Pulse(_gate);
        }
    }
}
