using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>
/// Puts disks of a running machine on other chains of images without starting QEMU anew: the new images are opened beside the old ones,
/// while the processors stand still the devices get the other nodes, and the old images are closed, which stores their bitmaps. Until
/// <see cref="CloseOldAsync"/> everything can be taken back.
/// </summary>
internal sealed class DiskExchange
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockLook = TimeSpan.FromMilliseconds(50);

    private readonly QmpClient _qmp;
    private readonly string _vm;
    private readonly IReadOnlyList<(DomainDisk Disk, OpenChain Chain)> _chains;

    private DiskExchange(QmpClient qmp, string vm, IReadOnlyList<ExchangedDisk> disks, IReadOnlyList<(DomainDisk Disk, OpenChain Chain)> chains)
    {
        _qmp = qmp;
        _vm = vm;
        _chains = chains;
        Disks = disks;
    }

    /// <summary>What is exchanged for what: all that is needed to finish it or to take it back.</summary>
    public IReadOnlyList<ExchangedDisk> Disks { get; }

    /// <summary>Works out what has to be opened, exchanged and closed; nothing is touched.</summary>
    /// <param name="qmp">The machine.</param>
    /// <param name="vm">The domain, for messages.</param>
    /// <param name="prefix">How the names of new nodes begin: "mt-" and the operation's id.</param>
    /// <param name="disks">Each disk as it was and as it is to be, its device, and how its images are opened, or null: as the definition says.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskExchange> PrepareAsync(
        QmpClient qmp, string vm, string prefix, IReadOnlyList<(DomainDisk Old, DomainDisk New, string Device, DriverOptions? Options)> disks, CancellationToken cancellation)
    {
        IReadOnlyList<OpenNode> nodes = await OpenChain.NodesAsync(qmp, cancellation);
        Dictionary<string, string> attached = await AttachedAsync(qmp, cancellation);
        List<(DomainDisk, OpenChain)> chains = [];
        List<ExchangedDisk> exchanged = [];
        foreach ((DomainDisk old, DomainDisk @new, string device, DriverOptions? options) in disks)
        {
            OpenChain before = await OpenChain.FindAsync(vm, old, prefix + "-o", options, nodes, cancellation);
            OpenChain after = await OpenChain.FindAsync(vm, @new, $"{prefix}-{exchanged.Count}", options, nodes, cancellation);
            HashSet<string> kept = [.. after.Layers.Select(layer => layer.NodeName)];
            string node = attached.GetValueOrDefault(device) ?? throw DiskErrors.NotInMachine(vm, old);
            string[] leaves = [.. before.Layers.Select(layer => layer.NodeName).Where(name => nodes.Any(open => open.Name == name) && !kept.Contains(name))];
            exchanged.Add(new ExchangedDisk(old.Target, device, node, after.TopNode, leaves));
            chains.Add((@new, after));
        }

        return new DiskExchange(qmp, vm, exchanged, chains);
    }

    /// <summary>Opens the new images while the guest still works.</summary>
    public async Task OpenAsync(CancellationToken cancellation)
    {
        foreach ((DomainDisk disk, OpenChain chain) in _chains)
            foreach (JsonObject node in chain.Missing)
                await AddAsync(disk, node, cancellation);
    }

    /// <summary>Gives the devices the new nodes. The processors must stand still. A device that refuses has all of them put back.</summary>
    /// <exception cref="MomentException"><c>DiskNotExchangeable</c>.</exception>
    public async Task SwapAsync()
    {
        try
        {
            await SetAsync(_qmp, Disks.Select(disk => (disk, disk.NewNode)));
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            await SetAsync(_qmp, Disks.Select(disk => (disk, disk.OldNode)));
            throw DiskErrors.NotExchangeable(_vm, refused);
        }
    }

    /// <summary>Gives the devices nodes, but those that have them already: QEMU 7.2 aborts over a node that is attached already.</summary>
    public static async Task SetAsync(QmpClient qmp, IEnumerable<(ExchangedDisk Disk, string Node)> nodes)
    {
        IReadOnlyList<QmpBlockDevice> devices = await qmp.QueryBlockAsync(CancellationToken.None);
        foreach ((ExchangedDisk disk, string node) in nodes)
        {
            QmpBlockDevice device = devices.FirstOrDefault(one => one.QomPath == disk.Device)
                ?? throw new MomentException(QmpErrors.QmpDeviceUnknown, $"QEMU at {qmp.Name} has no block device '{disk.Device}' any more.", disk.Disk, "Look at the machine's disks: it may have been unplugged.");
            // Not cancelled: what was sent may have happened.
            if (device.Inserted?.NodeName != node)
                await qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = disk.Device, ["property"] = "drive", ["value"] = node }, CancellationToken.None);
        }
    }

    /// <summary>Closes what only the old chains needed; the bitmaps of what was written are stored with it.</summary>
    public static Task CloseOldAsync(QmpClient qmp, IEnumerable<ExchangedDisk> disks) => CloseAsync(qmp, disks.SelectMany(disk => disk.Leaves));

    /// <summary>Closes the nodes that this exchange opened, where they are not used.</summary>
    /// <param name="qmp">The machine.</param>
    /// <param name="prefix">How their names begin.</param>
    public static async Task CloseNewAsync(QmpClient qmp, string prefix)
    {
        IReadOnlyList<OpenNode> nodes = await OpenChain.NodesAsync(qmp, CancellationToken.None);
        await CloseAsync(qmp, nodes.Where(node => node.Format is "qcow2" or "raw" && node.Name.StartsWith(prefix + "-", StringComparison.Ordinal))
            .Select(node => node.Name).OrderBy(Number));
    }

    // The last part of the name: the tops have 0.
    private static int Number(string node) => int.TryParse(node[(node.LastIndexOf('-') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : int.MaxValue;

    private static async Task CloseAsync(QmpClient qmp, IEnumerable<string> topDown)
    {
        foreach (string node in topDown)
        {
            try
            {
                await qmp.BlockdevDelAsync(node, CancellationToken.None);
            }
            catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
            {
                // Used by something else; or opened with what stood on it, and then it goes, or went, together with that.
            }
        }
    }

    private static async Task<Dictionary<string, string>> AttachedAsync(QmpClient qmp, CancellationToken cancellation) =>
        (await qmp.QueryBlockAsync(cancellation)).Where(device => device is { QomPath: not null, Inserted: not null })
            .ToDictionary(device => device.QomPath!, device => device.Inserted!.NodeName, StringComparer.Ordinal);

    private async Task AddAsync(DomainDisk disk, JsonObject node, CancellationToken cancellation)
    {
        string path = (string)node["file"]!["filename"]!;
        for (long start = Environment.TickCount64; ;)
        {
            try
            {
                await _qmp.BlockdevAddAsync(node, CancellationToken.None);
                return;
            }
            catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
            {
                if (!ImageLock.Is(refused.Message))
                    throw DiskErrors.OpenFailed(_vm, disk.Target, path, refused);
                // A process that was killed keeps its locks until its last thread has ended.
                if (Environment.TickCount64 - start > LockPatience.TotalMilliseconds)
                    throw DiskErrors.Locked($"open disk '{disk.Target}' of domain '{_vm}'", path, refused.Message, refused);
            }

            await Task.Delay(LockLook, cancellation);
        }
    }
}
