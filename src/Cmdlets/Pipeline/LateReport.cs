using System.Collections.Concurrent;
using MomentTools.Errors;

namespace MomentTools.Cmdlets.Pipeline;

/// <summary>Keeps what an operation tells until it has ended: the pipeline that it is told to may throw.</summary>
internal sealed class LateReport(MomentCmdlet cmdlet) : IOperationReport
{
    private readonly ConcurrentQueue<Action> _calls = new();

    public void Warning(string text) => _calls.Enqueue(() => cmdlet.WriteWarning(text));

    public void Verbose(string text) => _calls.Enqueue(() => cmdlet.WriteVerbose(text));

    public void Failure(MomentException failure) => _calls.Enqueue(() => cmdlet.WriteError(failure.ToErrorRecord()));

    public void Progress(OperationProgress progress)
    {
    }

    /// <summary>Tells it; called on the pipeline's thread.</summary>
    public void Write()
    {
        while (_calls.TryDequeue(out Action? call))
            call();
    }
}
