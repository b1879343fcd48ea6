using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Opens the disks of a stopped domain in a storage daemon: each layer a node, the lowest first.</summary>
internal sealed class DaemonDisks(QmpClient qmp, string vm)
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockLook = TimeSpan.FromMilliseconds(50);

    public async Task<IReadOnlyDictionary<string, SessionDisk>> OpenAsync(
        IEnumerable<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)> disks, CancellationToken cancellation, DriverOptions? options = null)
    {
        Dictionary<string, (ImageLayer Top, DomainDisk Disk)> tops = new(StringComparer.Ordinal);
        foreach ((DomainDisk disk, IReadOnlyList<ImageLayer> chain) in disks)
        {
            IReadOnlyList<JsonObject> nodes = BlockdevOptions.ForEachLayer(chain, options);
            for (int i = 0; i < nodes.Count; i++)
                await AddAsync(disk, chain[chain.Count - 1 - i], nodes[i], cancellation);
            tops[chain[0].NodeName] = (chain[0], disk);
        }

        return (await qmp.QueryNamedBlockNodesAsync(cancellation))
            .Where(node => tops.ContainsKey(node.NodeName))
            .Select(node => (Node: node, tops[node.NodeName].Top, Name: tops[node.NodeName].Disk.Target))
            .ToDictionary(
                one => one.Name,
                one => new SessionDisk(one.Name, one.Node.NodeName, one.Top.Path, one.Top.Format, one.Node.VirtualSize, QomPath: null, one.Node.DirtyBitmaps),
                StringComparer.Ordinal);
    }

    private async Task AddAsync(DomainDisk disk, ImageLayer layer, JsonObject node, CancellationToken cancellation)
    {
        for (long start = Environment.TickCount64; ;)
        {
            try
            {
                await qmp.BlockdevAddAsync(node, cancellation);
                return;
            }
            catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
            {
                if (!ImageLock.Is(refused.Message))
                    throw DiskErrors.OpenFailed(vm, disk.Target, layer.Path, refused);
                // A process that was killed keeps its locks until its last thread has ended.
                if (Environment.TickCount64 - start > LockPatience.TotalMilliseconds)
                    throw DiskErrors.Locked($"open disk '{disk.Target}' of domain '{vm}'", layer.Path, refused.Message, refused);
            }

            await Task.Delay(LockLook, cancellation);
        }
    }
}
