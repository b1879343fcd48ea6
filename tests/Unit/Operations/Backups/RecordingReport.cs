using MomentTools.Errors;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>Keeps what an operation tells.</summary>
internal sealed class RecordingReport : IOperationReport
{
    public List<string> Warnings { get; } = [];

    public List<string> Details { get; } = [];

    public List<OperationProgress> Steps { get; } = [];

    /// <summary>Called at each progress, to stop or disturb the operation there.</summary>
    public Action<OperationProgress>? OnProgress { get; set; }

    public void Warning(string text) => Warnings.Add(text);

    public void Verbose(string text) => Details.Add(text);

    public void Progress(OperationProgress progress)
    {
        lock (Steps)
            Steps.Add(progress);
        OnProgress?.Invoke(progress);
    }

    public void Failure(MomentException failure) => throw failure;
}
