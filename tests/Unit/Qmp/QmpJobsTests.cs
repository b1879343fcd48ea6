using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>The moments of a job's life that a real QEMU passes too fast to be met.</summary>
public sealed class QmpJobsTests : IDisposable
{
    private readonly FakeMonitor _monitor = new();

    public void Dispose() => _monitor.Dispose();

    [Fact]
    public async Task AStartThatIsCancelledBeforeItsReplyLeavesNoJob()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        Task run = new QmpJobs(qmp).RunAsync("mt-b", token => qmp.ExecuteAsync("blockdev-backup", null, token), null, cancel.Token);
        await AnswerAsync("query-jobs", "[]");
        await ExpectAsync("blockdev-backup");
        await cancel.CancelAsync();
        await AnswerAsync("query-jobs", Jobs("running"));
        await AnswerAsync("job-cancel", "{}");
        await AnswerAsync("query-jobs", Jobs("aborting"));
        await _monitor.TellAsync("JOB_STATUS_CHANGE", """{"id": "mt-b", "status": "concluded"}""");
        await AnswerAsync("query-jobs", Jobs("concluded"));
        await AnswerAsync("job-dismiss", "{}");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }

    [Fact]
    public async Task AJobThatDoesNotStopInTimeIsNamed()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        var jobs = new QmpJobs(qmp) { CancelLimit = TimeSpan.FromSeconds(3) };
        Task run = jobs.RunAsync("mt-b", token => qmp.ExecuteAsync("blockdev-backup", null, token), null, cancel.Token);
        await AnswerAsync("query-jobs", "[]");
        await AnswerAsync("blockdev-backup", "{}");
        await AnswerAsync("query-jobs", Jobs("running"));
        await cancel.CancelAsync();
        await AnswerAsync("query-jobs", Jobs("running"));
        await AnswerAsync("job-cancel", "{}");
        // It looks from time to time, also where no event tells anything.
        while (!run.IsCompleted)
        {
            Task<JsonElement> asked = ExpectAsync("query-jobs");
            if (await Task.WhenAny(asked, run) == asked)
                await _monitor.ReturnAsync(await asked, Jobs("running"));
        }

        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => run);
        Assert.Equal((QmpErrors.QmpJobStuck, "mt-b"), (failure.ErrorId, failure.Target));
    }

    [Fact]
    public async Task AJobThatEndsWhileItIsCancelledIsDismissedAllTheSame()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<QmpJobOutcome?> cancelling = new QmpJobs(qmp).CancelAsync("mt-b", CancellationToken.None);
        await AnswerAsync("query-jobs", Jobs("running"));
        await _monitor.RefuseAsync(await ExpectAsync("job-cancel"), "GenericError", "Job 'mt-b' in state 'concluded' cannot accept command verb 'cancel'");
        await AnswerAsync("query-jobs", Jobs("concluded"));
        await AnswerAsync("query-jobs", Jobs("concluded"));
        await AnswerAsync("job-dismiss", "{}");
        Assert.True((await cancelling)!.Succeeded);
    }

    [Fact]
    public async Task AJobConcludedBeforeTheReplyOfItsStartIsSeen()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task run = new QmpJobs(qmp).RunAsync("mt-b", token => qmp.ExecuteAsync("blockdev-create", null, token), null, CancellationToken.None);
        await AnswerAsync("query-jobs", "[]");
        JsonElement start = await ExpectAsync("blockdev-create");
        await _monitor.TellAsync("JOB_STATUS_CHANGE", """{"id": "mt-b", "status": "concluded"}""");
        await _monitor.ReturnAsync(start, "{}");
        await AnswerAsync("query-jobs", Jobs("concluded"));
        await AnswerAsync("job-dismiss", "{}");
        await run;
    }

    [Fact]
    public async Task ReconcilingWithoutAPrefixIsRefused()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => new QmpJobs(qmp).ReconcileAsync("", CancellationToken.None));
    }

    private static string Jobs(string status) =>
        $$"""[{"id": "mt-b", "type": "backup", "status": "{{status}}", "current-progress": 1, "total-progress": 2}]""";

    private async Task AnswerAsync(string command, string value) => await _monitor.ReturnAsync(await ExpectAsync(command), value);

    private async Task<JsonElement> ExpectAsync(string command)
    {
        JsonElement sent = await _monitor.ReadAsync();
        Assert.Equal(command, sent.GetProperty("execute").GetString());
        return sent;
    }
}
