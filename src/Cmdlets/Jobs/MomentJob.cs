using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>
/// A long operation in the background of this process. Its state is Failed where anything of it failed; stopping it comes back when
/// what was begun is undone.
/// </summary>
public sealed class MomentJob : Job
{
    // Time enough to undo; a session that never ends would be worse than a journal that the next command finds.
    private static readonly TimeSpan AtExit = TimeSpan.FromMinutes(1);

    private readonly JobWork _work;
    private readonly PowerShell _shell = PowerShell.Create();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private bool _stopping;
    private bool _closing;
    private volatile bool _over;
    private volatile bool _failed;

    internal MomentJob(string command, JobWork work)
        : base(command)
    {
        _work = work;
        PSJobTypeName = "MomentJob";
        // The first that hears of a change: who waits for the end goes on while others are told, and may be waited for by them.
        StateChanged += Ended;
    }

    /// <summary>Something is there to be received, or may come.</summary>
    public override bool HasMoreData =>
        !_over || Output.Count + Error.Count + Warning.Count + Verbose.Count + Debug.Count + Information.Count + Progress.Count > 0;

    /// <summary>This machine: the job is a part of the session that started it.</summary>
    public override string Location => "localhost";

    /// <summary>Nothing beyond the state.</summary>
    public override string StatusMessage => "";

    /// <summary>Cancels the operation, and comes back when what was begun is undone.</summary>
    public override void StopJob()
    {
        bool first;
        lock (_gate)
        {
            first = !_stopping && !_closing;
            _stopping |= first;
        }

        if (first)
        {
            try
            {
                SetJobState(JobState.Stopping);
                _shell.Stop();
            }
            finally
            {
                // Only now can it come to its end: nobody is told of that before this.
                _stopped.SetResult();
            }
        }

        _ended.Task.GetAwaiter().GetResult();
    }

    internal void Start()
    {
        Error.DataAdded += (_, _) => _failed = true;
        _shell.Streams.Error = Error;
        _shell.Streams.Warning = Warning;
        _shell.Streams.Verbose = Verbose;
        _shell.Streams.Debug = Debug;
        _shell.Streams.Information = Information;
        _shell.Streams.Progress = Progress;
        _work.AddTo(_shell);
        SetJobState(JobState.Running);
        AppDomain.CurrentDomain.ProcessExit += StopAtExit;
        _ = Task.Run(RunAsync);
    }

    /// <summary>Gives back what it holds; what runs is stopped first.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            StopJob();
        base.Dispose(disposing);
    }

    private async Task RunAsync()
    {
        Runspace? runspace = null;
        try
        {
            runspace = _work.Open();
            _shell.Runspace = runspace;
            if (Begin() is { } running)
                await Task.Factory.FromAsync(running, ended => _shell.EndInvoke(ended));
        }
        catch (PipelineStoppedException)
        {
            // As it was asked to be.
        }
        catch (Exception failure)
        {
            // Whatever it is, nobody but the job's owner can be told.
            Error.Add((failure as IContainsErrorRecord)?.ErrorRecord ?? new ErrorRecord(failure, failure.GetType().Name, ErrorCategory.NotSpecified, null));
        }
        finally
        {
            await EndAsync(runspace);
        }
    }

    private IAsyncResult? Begin()
    {
        lock (_gate)
            return _stopping ? null : _shell.BeginInvoke(_work.Input, Output);
    }

    private async Task EndAsync(Runspace? runspace)
    {
        AppDomain.CurrentDomain.ProcessExit -= StopAtExit;
        bool stopping;
        lock (_gate)
        {
            _closing = true;
            stopping = _stopping;
        }

        // Who stops the shell still holds it.
        if (stopping)
            await _stopped.Task;
        _shell.Dispose();
        runspace?.Dispose();
        _over = true;
        SetJobState(stopping ? JobState.Stopped : _failed ? JobState.Failed : JobState.Completed);
    }

    private void Ended(object? sender, JobStateEventArgs change)
    {
        if (change.JobStateInfo.State is JobState.Stopped or JobState.Failed or JobState.Completed)
            _ended.TrySetResult();
    }

    // A session that ends takes its jobs with it, as Ctrl-C would.
    private void StopAtExit(object? sender, EventArgs arguments) => Task.Run(StopJob).Wait(AtExit);
}
