using MomentTools.Operations.Serving;

namespace MomentTools;

/// <summary>Disks served over NBD.</summary>
public sealed partial class MomentEngine
{
    /// <summary>Serves disks over NBD, until they are stopped or what they belong to ends. Throws ChangesUnknown where what changed since the moment is not proven.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What, where, and for how long.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Undoes what was done, as long as it is not decided.</param>
    public Task<IReadOnlyList<VMBlockExport>> StartBlockExportAsync(string vm, StartBlockExportRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BlockExportStart(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>The exports of a machine as they are now; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBlockExport>> GetBlockExportsAsync(string vm, IOperationReport report, CancellationToken cancellation) =>
        BlockExportListing.RunAsync(_context, vm, report, cancellation);

    /// <summary>Stops exports, with their clients, and removes what was made for them.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">Which; where none is there, nothing is done.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it between two of them.</param>
    /// <returns>What was stopped, as it was before.</returns>
    public Task<IReadOnlyList<VMBlockExport>> StopBlockExportAsync(string vm, StopBlockExportRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BlockExportStop(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>The exports at one address as a <c>&lt;domainblockexport&gt;</c> document.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="address">The address; null where there is one only.</param>
    /// <param name="report">Where broken records are told.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<string> GetBlockExportXmlAsync(string vm, string? address, IOperationReport report, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(BlockExportText.Of(_context.Catalogue.Place(vm), address, report));
    }
}
