namespace MomentTools;

/// <summary>How far a long operation is.</summary>
/// <param name="Activity">What is being done, to what: "Backing up web1".</param>
/// <param name="Status">The present step: "vda: copying".</param>
/// <param name="Done">Bytes done, over all parts.</param>
/// <param name="Total">Bytes to do; 0 while that is not known.</param>
public sealed record OperationProgress(string Activity, string Status, long Done, long Total)
{
    /// <summary>How long the present step will take at the speed of late; null while that cannot be told.</summary>
    public TimeSpan? Remaining { get; init; }
}
