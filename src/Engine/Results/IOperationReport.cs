using MomentTools.Errors;

namespace MomentTools;

/// <summary>Where an operation tells what happens beside its result. Called from any thread, one call at a time.</summary>
public interface IOperationReport
{
    /// <summary>Something the user should know, although the operation goes on.</summary>
    void Warning(string text);

    /// <summary>What is being done, step by step.</summary>
    void Verbose(string text);

    /// <summary>How far a long operation is.</summary>
    void Progress(OperationProgress progress);

    /// <summary>A failure that costs one item only: a file that could not be read, a domain that did not answer.</summary>
    void Failure(MomentException failure);
}
