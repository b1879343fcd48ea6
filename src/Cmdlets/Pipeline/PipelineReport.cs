using System.Management.Automation;
using MomentTools.Errors;

namespace MomentTools.Cmdlets.Pipeline;

/// <summary>Carries what an operation tells from its threads to the streams of the cmdlet that started it.</summary>
internal sealed class PipelineReport(MomentCmdlet cmdlet, PipelinePump pump) : IOperationReport
{
    private const int ActivityId = 1;

    private OperationProgress? _latest;
    private string? _shown;

    public void Warning(string text) => pump.Post(() => cmdlet.WriteWarning(text));

    public void Verbose(string text) => pump.Post(() => cmdlet.WriteVerbose(text));

    public void Failure(MomentException failure) => pump.Post(() => cmdlet.WriteError(failure.ToErrorRecord()));

    // A copy reports faster than a terminal draws: of what piles up between two drawings only the newest counts.
    public void Progress(OperationProgress progress)
    {
        if (Interlocked.Exchange(ref _latest, progress) is null)
            pump.Post(ShowLatest);
    }

    /// <summary>Takes the progress bar away; called on the pipeline's thread when the work has ended, however it ended.</summary>
    public void Complete()
    {
        if (_shown is null)
            return;
        try
        {
            cmdlet.WriteProgress(new ProgressRecord(ActivityId, _shown, "-") { RecordType = ProgressRecordType.Completed });
        }
        catch (PipelineStoppedException)
        {
            // The pipeline was stopped: its host takes the bar away.
        }
    }

    private void ShowLatest()
    {
        if (Interlocked.Exchange(ref _latest, null) is not { } progress)
            return;
        _shown = progress.Activity;
        var record = new ProgressRecord(ActivityId, progress.Activity, progress.Status);
        if (progress.Total > 0)
            record.PercentComplete = (int)(Math.Clamp((double)progress.Done / progress.Total, 0, 1) * 100);
        if (progress.Remaining is { } left)
            record.SecondsRemaining = (int)left.TotalSeconds;
        cmdlet.WriteProgress(record);
    }
}
