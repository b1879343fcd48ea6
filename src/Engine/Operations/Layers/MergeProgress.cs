using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>Tells how far the merging of one layer is.</summary>
internal sealed class MergeProgress(string vm, string disk, string from, string into, IOperationReport report) : IProgress<JobProgress>
{
    public void Report(JobProgress value) =>
        report.Progress(new OperationProgress($"Merging layers of {vm}", $"{disk}: {Path.GetFileName(from)} into {Path.GetFileName(into)}", value.Done, value.Total));
}
