using MomentTools.Errors;

namespace MomentTools.Cmdlets.Pipeline;

/// <summary>A report for a plan and the work after it, which look at the same things: what one has warned of the other does not say again.</summary>
internal sealed class OnceReport(IOperationReport report, HashSet<string> told) : IOperationReport
{
    public void Warning(string text)
    {
        if (told.Add(text))
            report.Warning(text);
    }

    public void Verbose(string text) => report.Verbose(text);

    public void Progress(OperationProgress progress) => report.Progress(progress);

    public void Failure(MomentException failure)
    {
        if (told.Add(failure.Message))
            report.Failure(failure);
    }
}
