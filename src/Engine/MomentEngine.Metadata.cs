using MomentTools.Operations.Metadata;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Moments of a machine as libvirt's XML, a document each or all in one; with a path they are written, never onto a file that is there unless that is asked for.</summary>
    public Task<IReadOnlyList<VMMomentDocument>> ExportMomentsAsync(string vm, ExportMomentsRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentExport(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>Makes moments known from their documents, all or none.</summary>
    public Task<IReadOnlyList<VMMoment>> ImportMomentsAsync(string vm, ImportMomentsRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentImport(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>The moments that an import would make known; the documents are checked, nothing is changed.</summary>
    public Task<IReadOnlyList<VMMoment>> PlanImportAsync(string vm, ImportMomentsRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentImport(_context).PlanAsync(vm, request, report, cancellation);
}
