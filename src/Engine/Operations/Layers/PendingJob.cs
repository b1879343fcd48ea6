using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// A job that joins layers, held at its last step. There all its data is written, and where it writes into the layer beneath one that the guest
/// writes to, the guest's writes wait: what is done to bitmaps then is exact.
/// </summary>
internal static class PendingJob
{
    /// <summary>Starts a job and leads it to its last step; where that fails, or is cancelled, it is gone and the layers are as they were.</summary>
    /// <param name="jobs">The jobs of QEMU or its storage daemon.</param>
    /// <param name="id">The job's id.</param>
    /// <param name="start">Starts it.</param>
    /// <param name="beforeEnd">Done once before a guest's writes have to wait: everything that may take long. A job without a guest has no such time.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Cancels the job, up to the last step.</param>
    public static async Task ReachAsync(QmpJobs jobs, string id, Func<CancellationToken, Task> start, Func<Task>? beforeEnd, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            await start(cancellation);
            QmpJobInfo job = await jobs.WaitUntilAsync(id, IsReady, progress, cancellation);
            if (job.Status == "ready")
            {
                if (beforeEnd is not null)
                    await beforeEnd();
                await jobs.Client.JobCompleteAsync(id, CancellationToken.None);
                job = await jobs.WaitUntilAsync(id, reached => reached.Status == "pending", progress, cancellation);
            }

            if (job.IsConcluded)
                throw QmpErrors.JobFailed(job);
        }
        catch
        {
            if (!jobs.Client.Closed.IsCompleted)
                await jobs.CancelAsync(id, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Does the last step: the chain changes.</summary>
    public static async Task FinishAsync(QmpJobs jobs, string id)
    {
        await jobs.Client.JobFinalizeAsync(id, CancellationToken.None);
        (await jobs.WaitAsync(id, null, CancellationToken.None)).ThrowIfFailed();
    }

    // One without a guest above it is never ready, and waits at its end at once.
    private static bool IsReady(QmpJobInfo job) => job.Status is "ready" or "pending";
}
