using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>
/// A chain of images as a running QEMU has it, or is to have it: layers that are open already are used again, so that several branches of
/// a disk share the nodes of what they stand on.
/// </summary>
/// <param name="Layers">The layers with their nodes' names, the top first.</param>
/// <param name="Missing">The options of the nodes that are not there yet, the lowest first.</param>
internal sealed record OpenChain(IReadOnlyList<ImageLayer> Layers, IReadOnlyList<JsonObject> Missing)
{
    /// <summary>The node that a device uses.</summary>
    public string TopNode => Layers[0].NodeName;

    /// <summary>Finds the layers of a disk among QEMU's nodes; nothing is opened.</summary>
    /// <param name="vm">The domain, for messages.</param>
    /// <param name="disk">The disk as it is to be: its path is the chain's top.</param>
    /// <param name="prefix">How the names of new nodes begin; the layer's number follows.</param>
    /// <param name="options">How its images are opened; null: as the disk's driver says.</param>
    /// <param name="nodes">What QEMU has open (<see cref="NodesAsync"/>).</param>
    /// <param name="cancellation">Stops the look at the images.</param>
    public static async Task<OpenChain> FindAsync(string vm, DomainDisk disk, string prefix, DriverOptions? options, IReadOnlyList<OpenNode> nodes, CancellationToken cancellation)
    {
        IReadOnlyList<ImageLayer> wanted = await DiskChain.ResolveAsync(vm, disk, readOnly: false, cancellation);
        ImageLayer[] layers = [.. wanted.Select((layer, i) => layer with { NodeName = $"{prefix}-{i}" })];
        // From below: a node is this layer only where all beneath it is what this chain has there.
        for (int i = wanted.Count - 1; i >= 0; i--)
        {
            string? below = i + 1 < wanted.Count ? wanted[i + 1].Path : null;
            OpenNode? open = nodes.FirstOrDefault(node => node.Format == wanted[i].Format && node.ReadOnly == wanted[i].ReadOnly && FilePath.IsSame(wanted[i].Path, node.Path) && FilePath.IsSame(below, node.Backing));
            if (open is null)
                break;
            layers[i] = layers[i] with { NodeName = open.Name };
        }

        HashSet<string> there = [.. nodes.Select(node => node.Name)];
        JsonObject[] missing = [.. BlockdevOptions.ForEachLayer(layers, options ?? DriverOptions.Of(disk)).Where(node => !there.Contains((string)node["node-name"]!))];
        return new OpenChain(layers, missing);
    }

    /// <summary>The images that QEMU has open (<c>query-named-block-nodes</c>).</summary>
    public static async Task<IReadOnlyList<OpenNode>> NodesAsync(QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, cancellation);
        return new QmpValue("query-named-block-nodes", reply).List(node => new OpenNode(
            node["node-name"].Text, node["drv"].Text, NodeFile.Of(node["file"].Text), node["ro"].Flag,
            node.Find("backing_file") is { } backing ? NodeFile.Of(backing.Text) : null));
    }
}
