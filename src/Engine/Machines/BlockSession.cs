using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>A QMP line to whoever owns a domain's disks: its QEMU while it runs, else a storage daemon of ours.</summary>
internal sealed class BlockSession : IAsyncDisposable
{
    private readonly StorageDaemon? _daemon;
    private readonly IReadOnlyList<string> _written;

    private BlockSession(DomainPlace place, QmpClient qmp, StorageDaemon? daemon, IReadOnlyDictionary<string, SessionDisk> disks, IReadOnlyList<string> written)
    {
        _daemon = daemon;
        _written = written;
        Qmp = qmp;
        Jobs = new QmpJobs(qmp);
        Disks = disks;
        RuntimeDirectory = place.RuntimeDirectory;
    }

    /// <summary>Whether a machine runs behind the line, and not a storage daemon.</summary>
    public bool IsMachine => _daemon is null;

    public QmpClient Qmp { get; }

    public QmpJobs Jobs { get; }

    /// <summary>The disks that were asked for, by name.</summary>
    public IReadOnlyDictionary<string, SessionDisk> Disks { get; }

    public string RuntimeDirectory { get; }

    /// <summary>
    /// When the machine or the storage daemon started, or a moment before, in nanoseconds since 1970: it opened its images later. 0 where
    /// that is not known.
    /// </summary>
    public long OpenedAfter { get; private init; }

    /// <summary>What an attached machine has otherwise than its definition says, a sentence each.</summary>
    public IReadOnlyList<string> Differences { get; private init; } = [];

    /// <summary>Opens the line and finds these disks, no others.</summary>
    /// <param name="place">The domain.</param>
    /// <param name="domain">Its document.</param>
    /// <param name="disks">The disks.</param>
    /// <param name="access">What the session is for.</param>
    /// <param name="cancellation">Stops the opening.</param>
    /// <param name="options">How a storage daemon opens the images; QEMU's defaults if not given.</param>
    /// <exception cref="MomentException">
    /// <c>DiskChanged</c>: the machine works on another file than recorded. <c>DiskLocked</c>: the machine is stopped as far as
    /// is known, and another process holds an image. <c>QmpMonitorBusy</c>: another client holds the monitor.
    /// </exception>
    public static async Task<BlockSession> OpenAsync(
        DomainPlace place, DomainDocument domain, IReadOnlyCollection<string> disks, BlockAccess access, CancellationToken cancellation, DriverOptions? options = null)
    {
        DomainDisk[] wanted = [.. disks.Distinct(StringComparer.Ordinal).Select(name => domain.FindDisk(name) ?? throw DiskNaming.Unknown(name, domain))];
        return await MachineProbe.TryConnectAsync(place, domain, access, cancellation) is { } qmp
            ? await OverMachineAsync(place, domain, qmp, wanted, cancellation)
            : await OverDaemonAsync(place, domain, wanted, access, cancellation, options);
    }

    /// <summary>
    /// Opens other chains than those that the machine works on, in a storage daemon of ours even while it runs: those of branches that are not
    /// active. The caller knows that the machine does not write to them; QEMU's locks tell where that is wrong.
    /// </summary>
    /// <param name="tops">For each disk the uppermost image, and its format, which is never probed.</param>
    /// <exception cref="MomentException"><c>DiskLocked</c>: another process holds an image.</exception>
    public static async Task<BlockSession> OpenImagesAsync(
        DomainPlace place, DomainDocument domain, IReadOnlyDictionary<string, (string Path, string Format)> tops, BlockAccess access, CancellationToken cancellation)
    {
        // What the definition says of the layers below belongs to the active chain: of these the images' headers say it.
        DomainDisk[] wanted = [.. tops.Select(top => (domain.FindDisk(top.Key) ?? new DomainDisk { Target = top.Key }) with { SourceType = "file", SourcePath = top.Value.Path, Format = top.Value.Format, BackingStore = [] })];
        return await OverDaemonAsync(place, domain, wanted, access, cancellation);
    }

    /// <summary>The dirty bitmaps of each disk's active layer, by disk name.</summary>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<QmpDirtyBitmap>>> BitmapsAsync(CancellationToken cancellation)
    {
        Dictionary<string, QmpBlockNode> nodes = (await Qmp.QueryNamedBlockNodesAsync(cancellation)).ToDictionary(node => node.NodeName, StringComparer.Ordinal);
        return Disks.Values.ToDictionary(
            disk => disk.Name,
            disk => nodes.TryGetValue(disk.NodeName, out QmpBlockNode? node)
                ? node.DirtyBitmaps
                : throw new MomentException(DiskErrors.DiskNotInMachine, $"The node '{disk.NodeName}' of disk '{disk.Name}' is gone from QEMU.", disk.Name, "Somebody else changed the machine's disks meanwhile. Look at the machine, then try again."),
            StringComparer.Ordinal);
    }

    /// <summary>Prepares to serve nodes to this process over NBD; nothing is started before the first connection.</summary>
    public SessionExports OpenExports(CancellationToken cancellation)
    {
        PrivateDirectory.MakeForSockets(RuntimeDirectory);
        var exports = new SessionExports(Qmp, RuntimeDirectory);
        if (IsMachine)
            exports.RemoveAbandoned(cancellation);
        return exports;
    }

    /// <summary>Ends the session. A storage daemon closes its images, which stores their bitmaps, and they are brought to stable storage.</summary>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        if (_daemon is null)
        {
            await Qmp.DisposeAsync();
            return;
        }

        await _daemon.CloseAsync(cancellation);
        foreach (string path in _written)
            DurableFile.FlushFile(path);
    }

    public ValueTask DisposeAsync() => _daemon?.DisposeAsync() ?? Qmp.DisposeAsync();

    private static async Task<BlockSession> OverMachineAsync(DomainPlace place, DomainDocument domain, QmpClient qmp, DomainDisk[] wanted, CancellationToken cancellation)
    {
        try
        {
            var machine = new MachineDisks(qmp, domain);
            return new BlockSession(place, qmp, null, await machine.ResolveAsync(wanted, cancellation), []) { Differences = machine.Differences, OpenedAfter = MachineProbe.ProcessOf(place)?.StartedAt() ?? 0 };
        }
        catch
        {
            await qmp.DisposeAsync();
            throw;
        }
    }

    private static async Task<BlockSession> OverDaemonAsync(
        DomainPlace place, DomainDocument domain, DomainDisk[] wanted, BlockAccess access, CancellationToken cancellation, DriverOptions? options = null)
    {
        try
        {
            return await OverNewDaemonAsync(place, domain, wanted, access, options, cancellation);
        }
        catch (MomentException locked) when (locked.ErrorId == DiskErrors.DiskLocked && access == BlockAccess.Change)
        {
            // A command that died before it had begun anything left no journal to tell of it; but its daemon holds the images.
            if (await StorageDaemon.EndOrphansAsync(place.RuntimeDirectory, cancellation) == 0)
                throw;
            return await OverNewDaemonAsync(place, domain, wanted, access, options, cancellation);
        }
    }

    private static async Task<BlockSession> OverNewDaemonAsync(
        DomainPlace place, DomainDocument domain, DomainDisk[] wanted, BlockAccess access, DriverOptions? options, CancellationToken cancellation)
    {
        long now = HostProcess.Before(DateTime.UtcNow);
        List<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)> chains = [];
        foreach (DomainDisk disk in wanted)
            chains.Add((disk, await DiskChain.ResolveAsync(domain.Name, disk, readOnly: access == BlockAccess.Read, cancellation)));
        StorageDaemon daemon = await StorageDaemon.StartAsync(place.RuntimeDirectory, cancellation);
        try
        {
            IReadOnlyDictionary<string, SessionDisk> disks = await new DaemonDisks(daemon.Qmp, domain.Name).OpenAsync(chains, cancellation, options);
            string[] written = [.. chains.Select(one => one.Chain[0]).Where(top => !top.ReadOnly).Select(top => top.Path)];
            return new BlockSession(place, daemon.Qmp, daemon, disks, written) { OpenedAfter = now };
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }
}
