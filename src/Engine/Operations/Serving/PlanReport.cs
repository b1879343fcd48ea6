using MomentTools.Errors;

namespace MomentTools.Operations.Serving;

/// <summary>A report for a look beforehand: what is wrong is told by the operation itself, once.</summary>
internal sealed class PlanReport(IOperationReport report) : IOperationReport
{
    public void Warning(string text) => report.Verbose(text);

    public void Verbose(string text) => report.Verbose(text);

    public void Progress(OperationProgress progress) => report.Progress(progress);

    public void Failure(MomentException failure) => report.Verbose(failure.Message);
}
