using MomentTools.Errors;

namespace MomentTools.Operations.Repairs;

/// <summary>A report without the failures of single files: for a repair they are findings, and are told as such.</summary>
internal sealed class QuietReport(IOperationReport report) : IOperationReport
{
    public void Warning(string text) => report.Warning(text);

    public void Verbose(string text) => report.Verbose(text);

    public void Progress(OperationProgress progress) => report.Progress(progress);

    public void Failure(MomentException failure) => report.Verbose(failure.Message);
}
