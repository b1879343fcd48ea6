using MomentTools.Operations.Foreign;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Makes checkpoints of bitmaps that another program made and that record, all or none.</summary>
    public Task<IReadOnlyList<VMMoment>> ImportBitmapsAsync(string vm, ImportBitmapsRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BitmapImport(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>Hands all moments of a machine over to libvirt: documents, and bitmaps that record as libvirt's do. Afterwards they are libvirt's.</summary>
    public Task<IReadOnlyList<VMMomentDocument>> HandOverMomentsAsync(string vm, ExportMomentsRequest request, IOperationReport report, CancellationToken cancellation) =>
        new HandOver(_context).RunAsync(vm, request, report, cancellation);
}
