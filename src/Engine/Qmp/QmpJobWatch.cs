using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// Watches jobs from before they start. What a job is, only <c>query-jobs</c> says; events merely wake the watcher,
/// because they may come before the reply of the command that starts the job, or be lost with a connection.
/// </summary>
internal sealed class QmpJobWatch(QmpClient qmp, IReadOnlyCollection<string> jobIds, IProgress<JobProgress>? progress) : IDisposable
{
    private static readonly TimeSpan ProgressPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SafetyPeriod = TimeSpan.FromSeconds(2);

    private readonly QmpEvents _events = qmp.Subscribe("JOB_STATUS_CHANGE");
    private readonly Dictionary<string, JobProgress> _reported = new(StringComparer.Ordinal);

    /// <summary>Waits until the jobs, in the order of their ids, fulfil <paramref name="reached"/>.</summary>
    /// <exception cref="MomentException"><c>QmpJobVanished</c>: one of them is not in QEMU's list.</exception>
    public async Task<IReadOnlyList<QmpJobInfo>> UntilAsync(Func<IReadOnlyList<QmpJobInfo>, bool> reached, CancellationToken cancellation)
    {
        while (true)
        {
            IReadOnlyList<QmpJobInfo> jobs = await FindAsync(cancellation);
            Report(jobs);
            if (reached(jobs))
                return jobs;
            await WakeAsync(cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    private async Task<IReadOnlyList<QmpJobInfo>> FindAsync(CancellationToken cancellation)
    {
        IReadOnlyList<QmpJobInfo> all = await qmp.QueryJobsAsync(cancellation);
        return [.. jobIds.Select(id => all.FirstOrDefault(job => job.Id == id) ?? throw Vanished(id))];
    }

    private void Report(IReadOnlyList<QmpJobInfo> jobs)
    {
        if (progress is null)
            return;
        foreach (QmpJobInfo job in jobs)
        {
            var now = new JobProgress(job.Id, job.CurrentProgress, job.TotalProgress);
            if (_reported.TryGetValue(job.Id, out JobProgress before) && before == now)
                continue;
            _reported[job.Id] = now;
            progress.Report(now);
        }
    }

    private async Task WakeAsync(CancellationToken cancellation)
    {
        using var period = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        period.CancelAfter(progress is null ? SafetyPeriod : ProgressPeriod);
        try
        {
            while (!IsOurs(await _events.NextAsync(period.Token)))
            {
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The period is over: look without having been woken.
        }
    }

    private bool IsOurs(QmpEvent sent) => jobIds.Any(id => sent.Says("id", id));

    private MomentException Vanished(string id) => new(
        QmpErrors.QmpJobVanished, $"The job '{id}' is not in the list of jobs of QEMU at {qmp.Name}, so how it ended is not known.", id,
        "It was never started, or another client dismissed it. Make sure that only one program works with this machine's jobs.");
}
