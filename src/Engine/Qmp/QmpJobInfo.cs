namespace MomentTools.Qmp;

/// <summary>A job as <c>query-jobs</c> shows it (QAPI <c>JobInfo</c>).</summary>
/// <param name="Status">QAPI <c>JobStatus</c>: created, running, paused, ready, standby, waiting, pending, aborting, concluded, null.</param>
/// <param name="CurrentProgress">Done so far; bytes, for block jobs.</param>
/// <param name="TotalProgress">The expected end; may still change.</param>
/// <param name="Error">Why the job failed, in QEMU's words, or null.</param>
internal sealed record QmpJobInfo(string Id, string Type, string Status, long CurrentProgress, long TotalProgress, string? Error)
{
    /// <summary>Whether the job has ended and waits to be dismissed.</summary>
    public bool IsConcluded => Status == "concluded";

    internal static QmpJobInfo Read(QmpValue job) => new(
        job["id"].Text, job["type"].Text, job["status"].Text, job["current-progress"].Int64, job["total-progress"].Int64, job.Find("error")?.Text);
}
