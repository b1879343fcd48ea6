using MomentTools.Errors;

namespace MomentTools.Fuzz;

/// <summary>Keeps what an operation could not read, and nothing else.</summary>
internal sealed class FuzzReport : IOperationReport
{
    private readonly List<MomentException> _failures = [];

    public IReadOnlyList<MomentException> Failures
    {
        get
        {
            lock (_failures)
                return [.. _failures];
        }
    }

    public void Warning(string text)
    {
    }

    public void Verbose(string text)
    {
    }

    public void Progress(OperationProgress progress)
    {
    }

    public void Failure(MomentException failure)
    {
        lock (_failures)
            _failures.Add(failure);
    }
}
