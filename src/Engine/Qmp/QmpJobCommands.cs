using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>The commands of QAPI's job module. <see cref="QmpJobs"/> makes whole lives of them.</summary>
internal static class QmpJobCommands
{
    /// <summary>Lists all jobs, concluded ones too (<c>query-jobs</c>).</summary>
    public static async Task<IReadOnlyList<QmpJobInfo>> QueryJobsAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-jobs", null, cancellation);
        return new QmpValue("query-jobs", reply).List(QmpJobInfo.Read);
    }

    /// <summary>Asks a job to stop at once (<c>job-cancel</c>); it is concluded some time later.</summary>
    public static Task JobCancelAsync(this QmpClient qmp, string jobId, CancellationToken cancellation) => Run(qmp, "job-cancel", jobId, cancellation);

    /// <summary>Lets a ready job (mirror, active commit) do its last step (<c>job-complete</c>).</summary>
    public static Task JobCompleteAsync(this QmpClient qmp, string jobId, CancellationToken cancellation) => Run(qmp, "job-complete", jobId, cancellation);

    /// <summary>Lets a pending job change the block graph (<c>job-finalize</c>).</summary>
    public static Task JobFinalizeAsync(this QmpClient qmp, string jobId, CancellationToken cancellation) => Run(qmp, "job-finalize", jobId, cancellation);

    /// <summary>Removes a concluded job from the list (<c>job-dismiss</c>).</summary>
    public static Task JobDismissAsync(this QmpClient qmp, string jobId, CancellationToken cancellation) => Run(qmp, "job-dismiss", jobId, cancellation);

    private static Task<JsonElement> Run(QmpClient qmp, string command, string jobId, CancellationToken cancellation) =>
        qmp.ExecuteAsync(command, new JsonObject { ["id"] = jobId }, cancellation);
}
