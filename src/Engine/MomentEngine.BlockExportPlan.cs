using MomentTools.Operations.Serving;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>What StopBlockExportAsync would end with this request, and who is connected; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBlockExport>> PlanBlockExportStopAsync(string vm, StopBlockExportRequest request, IOperationReport report, CancellationToken cancellation) =>
        BlockExportStopPlan.RunAsync(_context, vm, request, report, cancellation);

    /// <summary>Names of block exports for completion, from local files alone; never throws.</summary>
    /// <param name="vm">The machine, or null for the exports of all.</param>
    public IReadOnlyList<CompletionItem> CompleteExportNames(string? vm) =>
        _completion.ExportNames(vm);

    /// <summary>Addresses where block exports are served, for completion, from local files alone; never throws.</summary>
    /// <param name="vm">The machine, or null for the addresses of all.</param>
    public IReadOnlyList<CompletionItem> CompleteExportAddresses(string? vm) =>
        _completion.ExportAddresses(vm);
}
