using MomentTools.Errors;

namespace MomentTools.Tests.Operations;

/// <summary>Keeps what an operation tells.</summary>
internal sealed class TestReport : IOperationReport
{
    public List<string> Warnings { get; } = [];

    public List<string> Notes { get; } = [];

    public List<OperationProgress> Steps { get; } = [];

    public List<MomentException> Failures { get; } = [];

    /// <summary>Called at each report of progress, or null.</summary>
    public Action<OperationProgress>? Progressed { get; set; }

    public void Warning(string text) => Warnings.Add(text);

    public void Verbose(string text) => Notes.Add(text);

    public void Progress(OperationProgress progress)
    {
        lock (Steps)
            Steps.Add(progress);
        Progressed?.Invoke(progress);
    }

    public void Failure(MomentException failure) => Failures.Add(failure);
}
