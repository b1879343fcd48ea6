using MomentTools.Operations.Undo;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>What a machine's last restore or removal discarded, and Undo can bring back.</summary>
    public Task<IReadOnlyList<VMKeptState>> GetKeptStatesAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(report);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new KeptListing(_context).Run(vm, report));
    }
}
