using System.Management.Automation;
using System.Net.Sockets;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Tests.Hosting;

/// <summary>What a job tells of its state, and whom.</summary>
[Collection(nameof(HostedCollection))]
public sealed class JobStateTests(HostedCollection hosted) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly HostedState _state = new();

    public void Dispose() => _state.Dispose();

    [SkippableFact]
    public async Task WhoIsToldOfTheEndMayAskForItOnAnotherThread()
    {
        using Socket monitor = Silent("hangs");
        MomentJob job = Begin("hangs");
        List<JobState> states = [];
        var told = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        job.StateChanged += (_, change) =>
        {
            states.Add(change.JobStateInfo.State);
            if (change.JobStateInfo.State != JobState.Stopping)
                told.SetResult(Task.Run(job.StopJob).Wait(Limit));
        };
        Assert.True(monitor.Poll(Limit, SelectMode.SelectRead), "the job never came to the machine");
        await Task.Run(job.StopJob).WaitAsync(Limit);
        // Whoever has stopped it sees that it is.
        Assert.Equal(JobState.Stopped, job.JobStateInfo.State);
        Assert.True(await told.Task.WaitAsync(Limit), "the end was told with the job's lock held");
        Assert.Equal([JobState.Stopping, JobState.Stopped], states);
        job.Dispose();
    }

    [SkippableFact]
    public async Task WhoIsToldOfTheEndMayRemoveIt()
    {
        using Socket monitor = Silent("hangs");
        MomentJob job = Begin("hangs");
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        job.StateChanged += (_, change) =>
        {
            if (change.JobStateInfo.State == JobState.Stopping)
                return;
            job.Dispose();
            told.SetResult();
        };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(job.StopJob))).WaitAsync(Limit);
        await told.Task.WaitAsync(Limit);
        Assert.Equal(JobState.Stopped, job.JobStateInfo.State);
    }

    private MomentJob Begin(string vm) =>
        (MomentJob)hosted.Module.Run("Backup-VMDomain $args[0] $args[1] -AsJob", vm, Path.Combine(_state.Scratch, "repo")).Single().BaseObject;

    // A machine whose monitor takes a connection and never says a word.
    private Socket Silent(string vm)
    {
        string path = Path.Combine(_state.Scratch, "m");
        var monitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        monitor.Bind(new UnixDomainSocketEndPoint(path));
        monitor.Listen(8);
        _state.Attached(vm, path).Save();
        return monitor;
    }
}
