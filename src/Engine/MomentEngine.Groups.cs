using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools;

/// <summary>Stories of several machines at once.</summary>
public sealed partial class MomentEngine
{
    /// <summary>
    /// Takes a checkpoint on each of several machines, as near in time as can be: all or none of them. With quiescing, all guests are held
    /// still before the first is taken.
    /// </summary>
    /// <param name="vms">The machines, each once.</param>
    /// <param name="request">What each checkpoint shall be; without a name, all get the same one.</param>
    /// <param name="report">Where warnings go, and how far apart they lie.</param>
    /// <param name="cancellation">Undoes what was done, as long as it is not decided.</param>
    /// <returns>The checkpoints, in the order of the machines.</returns>
    public Task<IReadOnlyList<VMCheckpoint>> CreateCheckpointGroupAsync(IReadOnlyList<string> vms, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(vms);
        ArgumentNullException.ThrowIfNull(request);
        if (request.NoMetadata)
            throw new MomentException(OperationErrors.NoMetadataAlone, "Cannot make bitmaps on a group of machines: without metadata there is no checkpoint that they could share.", null, "Leave out -Group, or -NoMetadata.");
        return new CheckpointGroup(_context).RunAsync(vms, request, report, cancellation);
    }
}
