using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>The image beneath the filters under a device: block snapshots, throttles and jobs put theirs there, one on the other.</summary>
internal static class FilteredNode
{
    /// <summary>Whether a driver (QAPI <c>BlockdevDriver</c>, or one that only QEMU itself makes) shows what its child holds.</summary>
    public static bool IsFilter(string driver) => driver is "copy-before-write" or "throttle" or "copy-on-read" or "preallocate" or "mirror_top" or "backup-top" or "commit_top";

    /// <summary>The node that is no filter, or null where the way there cannot be told.</summary>
    /// <param name="qmp">The machine.</param>
    /// <param name="top">The node that the device has.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<QmpBlockNode?> FindAsync(QmpClient qmp, string top, CancellationToken cancellation)
    {
        Dictionary<string, QmpBlockNode> nodes = (await qmp.QueryNamedBlockNodesAsync(cancellation)).ToDictionary(node => node.NodeName, StringComparer.Ordinal);
        if (nodes.GetValueOrDefault(top) is not { } found)
            return null;
        if (!IsFilter(found.Driver))
            return found;
        // Of several children the one that is shown: a filter that jobs put there has it as its backing node.
        ILookup<string, string> shown = (await qmp.QueryBlockGraphAsync(cancellation)).Where(edge => edge.Role is "file" or "backing").ToLookup(edge => edge.Parent, edge => edge.Child, StringComparer.Ordinal);
        for (int depth = 0; IsFilter(found.Driver) && depth < nodes.Count; depth++)
        {
            if (shown[found.NodeName].FirstOrDefault() is not { } below || nodes.GetValueOrDefault(below) is not { } next)
                return null;
            found = next;
        }

        return found;
    }
}
