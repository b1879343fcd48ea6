using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// Removes what a process of ours that died left in a running QEMU. Names of ours begin with "mt-"; while the domain's lock is held and
/// a journal is pending, what bears them temporarily belongs to nobody.
/// </summary>
internal static class Leftovers
{
    private const string Prefix = "mt-";

    /// <summary>All that one operation left behind the session's line.</summary>
    public static async Task RemoveAsync(BlockSession session, string operationId, CancellationToken cancellation)
    {
        await RemoveExportsAsync(session.Qmp, cancellation);
        await RemoveJobsAsync(session.Qmp, session.Jobs, operationId, cancellation);
    }

    public static async Task RemoveExportsAsync(QmpClient qmp, CancellationToken cancellation)
    {
        foreach (QmpBlockExport export in await qmp.QueryBlockExportsAsync(cancellation))
            if (export.Id.StartsWith(SessionExports.ExportPrefix, StringComparison.Ordinal))
                await qmp.BlockExportDelAsync(export.Id, hard: true, cancellation);
    }

    /// <summary>Cancels and dismisses the jobs of one operation, and closes the images it had opened.</summary>
    public static async Task RemoveJobsAsync(QmpClient qmp, QmpJobs jobs, string operationId, CancellationToken cancellation)
    {
        string prefix = Prefix + operationId;
        await jobs.ReconcileAsync(prefix, cancellation);
        // The format nodes first: a file node is in use as long as its format node is there, and may go with it.
        foreach (bool file in (bool[])[false, true])
            foreach (QmpBlockNode node in await qmp.QueryNamedBlockNodesAsync(cancellation))
                if (node.NodeName.StartsWith(prefix, StringComparison.Ordinal) && node.NodeName.EndsWith("-f", StringComparison.Ordinal) == file)
                    await qmp.BlockdevDelAsync(node.NodeName, cancellation);
    }
}
