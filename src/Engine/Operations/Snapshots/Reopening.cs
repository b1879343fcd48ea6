using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>How a running machine's image that is let go for a moment is opened again as it was.</summary>
internal static class Reopening
{
    /// <returns>The options (QAPI <c>BlockdevOptions</c>); or null and why there are none, as a part of a sentence.</returns>
    public static async Task<(JsonObject? Options, string? Trouble)> OfAsync(DomainDocument domain, BlockSession session, SessionDisk disk, CancellationToken cancellation)
    {
        if (domain.Monitor is not null)
            return (null, "it was started by another program, and how it opened its images is not known");
        IReadOnlyList<ImageLayer> chain = await DiskChain.ResolveAsync(domain.Name, domain.FindDisk(disk.Name)!, readOnly: false, cancellation);
        ImageLayer top = chain[0] with { NodeName = disk.NodeName };
        if (chain.Count == 1)
            return (BlockdevOptions.ForEachLayer([top], DriverOptions.Of(domain.FindDisk(disk.Name)!))[^1], null);
        // The images beneath stay open; what was put on top of another one since the start has names of its own.
        QmpBlockNode[] nodes = [.. (await session.Qmp.QueryNamedBlockNodesAsync(cancellation))
            .Where(node => node.Driver == chain[1].Format && FilePath.IsSame(NodeFile.Of(node.File), chain[1].Path))];
        return nodes is [var only]
            ? (BlockdevOptions.ForEachLayer([top, chain[1] with { NodeName = only.NodeName }], DriverOptions.Of(domain.FindDisk(disk.Name)!))[^1], null)
            : (null, $"the image '{chain[1].Path}', on which disk '{disk.Name}' stands, is open {(nodes.Length == 0 ? "nowhere" : "several times")} in its QEMU");
    }
}
