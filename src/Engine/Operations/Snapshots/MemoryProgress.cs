namespace MomentTools.Operations.Snapshots;

/// <summary>Tells how far the saving of a memory is.</summary>
internal sealed class MemoryProgress(IOperationReport report, string activity) : IProgress<(long Done, long Total)>
{
    public void Report((long Done, long Total) value) => report.Progress(new OperationProgress(activity, "Saving the memory", value.Done, value.Total));
}
