using MomentTools.Operations.Serving;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>What StopBlockExportAsync would end with this request, and who is connected; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBlockExport>> PlanBlockExportStopAsync(string vm, StopBlockExportRequest request, IOperationReport report, CancellationToken cancellation) =>
        BlockExportStopPlan.RunAsync(_context, vm, request, report, cancellation);
}
