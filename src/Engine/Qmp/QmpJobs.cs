using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// Jobs from start to dismissal. Every job must be started with <c>auto-dismiss: false</c>: only a job that stays
/// in the list after its end can be asked how it ended.
/// </summary>
internal sealed class QmpJobs(QmpClient qmp)
{
    /// <summary>How long a job that was told to stop may take before the clean-up after a failure gives up.</summary>
    public TimeSpan CancelLimit { get; init; } = TimeSpan.FromSeconds(60);

    public QmpClient Client => qmp;

    /// <summary>Lists all jobs, concluded ones too.</summary>
    public Task<IReadOnlyList<QmpJobInfo>> QueryAsync(CancellationToken cancellation) => qmp.QueryJobsAsync(cancellation);

    /// <summary>
    /// Starts one job, waits for its end and dismisses it. Cancelling cancels the job, and returns when it is gone.
    /// </summary>
    /// <param name="start">Sends the command that starts the job; it must use the id, and auto-dismiss false.</param>
    /// <exception cref="MomentException"><c>QmpJobFailed</c> with QEMU's words; <c>QmpJobExists</c> before anything is started.</exception>
    public Task RunAsync(string jobId, Func<CancellationToken, Task> start, IProgress<JobProgress>? progress, CancellationToken cancellation) =>
        RunAllAsync([jobId], start, progress, cancellation);

    /// <summary>The same for several jobs that one transaction starts: all succeed, or those that still run are cancelled.</summary>
    public async Task RunAllAsync(
        IReadOnlyCollection<string> jobIds, Func<CancellationToken, Task> start, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        // What exists under these ids later was started here, and may be cancelled when this fails.
        await RefuseExistingAsync(jobIds, cancellation);
        using var watch = new QmpJobWatch(qmp, jobIds, progress);
        try
        {
            await start(cancellation);
            IReadOnlyList<QmpJobInfo> jobs = await watch.UntilAsync(
                all => all.All(job => job.IsConcluded) || all.Any(HasFailed), cancellation);
            if (jobs.FirstOrDefault(HasFailed) is QmpJobInfo failed)
                throw QmpErrors.JobFailed(failed);
            foreach (QmpJobInfo job in jobs)
                await qmp.JobDismissAsync(job.Id, cancellation);
        }
        // A start that was cancelled may have been sent; QEMU answers in order, so query-jobs already shows its job.
        catch (Exception failure) when (failure is not MomentException { ErrorId.Name: nameof(QmpErrors.QmpConnectionLost) })
        {
            await CleanUpAsync(jobIds, failure);
            throw;
        }
    }

    /// <summary>
    /// Waits for the end of a job that was started elsewhere, and dismisses it. Cancelling ends the wait; the job goes on.
    /// </summary>
    public async Task<QmpJobOutcome> WaitAsync(string jobId, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        QmpJobInfo job = await WaitUntilAsync(jobId, job => job.IsConcluded, progress, cancellation);
        await qmp.JobDismissAsync(jobId, cancellation);
        return new QmpJobOutcome(job);
    }

    /// <summary>Waits until a job is concluded or fulfils <paramref name="reached"/> (ready, pending); dismisses nothing.</summary>
    public async Task<QmpJobInfo> WaitUntilAsync(
        string jobId, Func<QmpJobInfo, bool> reached, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        using var watch = new QmpJobWatch(qmp, [jobId], progress);
        return (await watch.UntilAsync(jobs => jobs[0].IsConcluded || reached(jobs[0]), cancellation))[0];
    }

    /// <summary>Cancels a job, waits for its end and dismisses it.</summary>
    /// <returns>How it ended (it may have been faster), or null where there is no such job.</returns>
    public async Task<QmpJobOutcome?> CancelAsync(string jobId, CancellationToken cancellation)
    {
        if (await FindAsync(jobId, cancellation) is not QmpJobInfo found)
            return null;
        try
        {
            if (!found.IsConcluded)
                await StopAsync(jobId, cancellation);
            return await WaitAsync(jobId, null, cancellation);
        }
        catch (MomentException vanished) when (vanished.ErrorId == QmpErrors.QmpJobVanished)
        {
            return null;
        }
    }

    /// <summary>Puts away the jobs that an earlier connection left behind: cancels those that run, dismisses all.</summary>
    /// <param name="prefix">How the ids begin that are ours.</param>
    /// <returns>What was found, as it was before.</returns>
    public async Task<IReadOnlyList<QmpJobInfo>> ReconcileAsync(string prefix, CancellationToken cancellation)
    {
        // An empty prefix would cancel other people's jobs.
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        QmpJobInfo[] left = [.. (await QueryAsync(cancellation)).Where(job => job.Id.StartsWith(prefix, StringComparison.Ordinal))];
        foreach (QmpJobInfo job in left)
            await CancelAsync(job.Id, cancellation);
        return left;
    }

    private static bool HasFailed(QmpJobInfo job) => job.IsConcluded && job.Error is not null;

    private async Task<QmpJobInfo?> FindAsync(string jobId, CancellationToken cancellation) =>
        (await QueryAsync(cancellation)).FirstOrDefault(job => job.Id == jobId);

    private async Task RefuseExistingAsync(IReadOnlyCollection<string> jobIds, CancellationToken cancellation)
    {
        if ((await QueryAsync(cancellation)).FirstOrDefault(job => jobIds.Contains(job.Id, StringComparer.Ordinal)) is QmpJobInfo other)
        {
            throw new MomentException(
                QmpErrors.QmpJobExists, $"QEMU at {qmp.Name} has a job '{other.Id}' already ({other.Type}, {other.Status}).", other.Id,
                "Wait for the operation that started it, or repair the machine if that operation has died.");
        }
    }

    private async Task StopAsync(string jobId, CancellationToken cancellation)
    {
        try
        {
            await qmp.JobCancelAsync(jobId, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            // A job that ended, or began to, in the meantime cannot be cancelled and need not be.
            if (await FindAsync(jobId, cancellation) is QmpJobInfo { Status: not ("aborting" or "concluded" or "null") })
                throw;
        }
    }

    private async Task CleanUpAsync(IReadOnlyCollection<string> jobIds, Exception cause)
    {
        using var limit = new CancellationTokenSource(CancelLimit);
        try
        {
            await Task.WhenAll(jobIds.Select(id => CancelAsync(id, limit.Token)));
        }
        catch (Exception failure)
        {
            throw new MomentException(
                QmpErrors.QmpJobStuck,
                $"After a failure ({cause.Message}) the jobs {string.Join(", ", jobIds)} of QEMU at {qmp.Name} could not be cancelled: {failure.Message}",
                jobIds.First(), "The jobs may still run. Repair the machine when it responds again.", new AggregateException(cause, failure));
        }
    }
}
