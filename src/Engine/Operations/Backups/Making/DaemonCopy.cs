using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// A storage daemon of our own that writes files of a backup from chains of a repository or from NBD exports. It is used once: whether the
/// tables of the files came to be written is only known when it has closed them and ended.
/// </summary>
internal sealed class DaemonCopy : IAsyncDisposable
{
    // Each mirror has a buffer of its own; the daemon has one thread for all.
    private const int MostAtOnce = 4;
    private const string NoSpace = "No space left on device";

    // Of a job that waits for a server that does not answer any more nothing is needed, nor of its daemon.
    private static readonly TimeSpan CancelLimit = TimeSpan.FromSeconds(5);

    private readonly StorageDaemon _daemon;
    private readonly string _runtimeDirectory;
    private readonly string _id;
    private readonly QmpJobs _jobs;

    private DaemonCopy(StorageDaemon daemon, string runtimeDirectory, string id)
    {
        (_daemon, _runtimeDirectory, _id) = (daemon, runtimeDirectory, id);
        _jobs = new QmpJobs(daemon.Qmp) { CancelLimit = CancelLimit };
    }

    /// <param name="runtimeDirectory">Where the daemon's sockets may lie.</param>
    /// <param name="id">The operation's id, part of the names in the daemon.</param>
    /// <param name="cancellation">Stops the start.</param>
    public static async Task<DaemonCopy> StartAsync(string runtimeDirectory, string id, CancellationToken cancellation) =>
        new(await StorageDaemon.StartAsync(runtimeDirectory, cancellation), runtimeDirectory, id);

    /// <summary>Opens a chain of a repository as a source: the files that its manifests name, frozen, each being what its manifest says.</summary>
    /// <param name="node">How the node of the top is called.</param>
    public async Task AddChainAsync(string node, BackupChain chain, CancellationToken cancellation)
    {
        foreach (BackupChain.Link link in chain.Links)
            await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
        ImageLayer[] layers = [.. chain.Layers(node + "-")];
        layers[0] = layers[0] with { NodeName = node };
        foreach (JsonObject layer in BlockdevOptions.ForEachLayer(layers))
            await _daemon.Qmp.BlockdevAddAsync(layer, cancellation);
    }

    /// <summary>Opens an export as a source. Where the line to it breaks, what reads from it fails.</summary>
    /// <param name="node">How its node is called.</param>
    public async Task AddNbdAsync(string node, NbdAddress address, string export, CancellationToken cancellation)
    {
        var server = address switch
        {
            UnixNbdAddress unix => new JsonObject { ["type"] = "unix", ["path"] = unix.Path },
            TcpNbdAddress tcp => new JsonObject { ["type"] = "inet", ["host"] = tcp.Host, ["port"] = tcp.Port.ToString(System.Globalization.CultureInfo.InvariantCulture) },
            _ => throw new InvalidOperationException($"{address.GetType().Name} is no kind of address."),
        };
        await _daemon.Qmp.BlockdevAddAsync(
            new JsonObject { ["driver"] = "nbd", ["node-name"] = node, ["read-only"] = true, ["server"] = server, ["export"] = export }, cancellation);
    }

    /// <summary>Makes the files and fills them, several at once; returns when all are closed, and the daemon has ended. They are not flushed.</summary>
    /// <param name="items">The files.</param>
    /// <param name="speedLimit">Bytes a second for each file, or 0 for no limit.</param>
    /// <param name="compress">Stores clusters compressed.</param>
    /// <param name="progress">Told of each file by its target's job.</param>
    /// <param name="cancellation">Stops the jobs; the files are the caller's to remove.</param>
    /// <exception cref="MomentException"><c>StorageFull</c> or <c>BackupFailed</c> with the file as its target.</exception>
    public async Task RunAsync(IReadOnlyList<DaemonCopyItem> items, long speedLimit, bool compress, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyDictionary<DaemonCopyItem, string> bitmaps = await AuthorAsync(items, cancellation);
        // The first that fails stops the others, and tells why.
        await Parallel.ForEachAsync(
            items, new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce, CancellationToken = cancellation },
            async (item, token) => await WriteAsync(item, bitmaps.GetValueOrDefault(item), speedLimit, compress, progress, token));
        await EndAsync(items, cancellation);
    }

    public ValueTask DisposeAsync() => _daemon.DisposeAsync();

    // The blocks come from elsewhere: they become a bitmap of the source node, which records nothing, for nobody writes to it.
    private async Task<IReadOnlyDictionary<DaemonCopyItem, string>> AuthorAsync(IReadOnlyList<DaemonCopyItem> items, CancellationToken cancellation)
    {
        DaemonCopyItem[] some = [.. items.Where(item => item.Blocks is not null)];
        Dictionary<DaemonCopyItem, string> names = new(ReferenceEqualityComparer.Instance);
        if (some.Length == 0)
            return names;
        await using AuthoredSets authored = await AuthoredSets.WriteAsync(
            _daemon.Qmp, () => new SessionExports(_daemon.Qmp, _runtimeDirectory), $"mt-{_id}-n", TrackingProof.Granularity,
            [.. some.Select(item => (item.Target.VirtualSize, (IReadOnlyList<ExtentMap>)[item.Blocks!]))], cancellation);
        List<TransactionAction> actions = [];
        foreach ((DaemonCopyItem item, BitmapRef bitmap) in some.Zip(authored.Bitmaps))
        {
            names[item] = $"mt-{_id}-{names.Count}";
            actions.Add(TransactionAction.BitmapAdd(item.SourceNode, names[item], granularity: TrackingProof.Granularity, disabled: true));
            actions.Add(TransactionAction.BitmapMerge(item.SourceNode, names[item], [bitmap]));
        }

        await _daemon.Qmp.TransactionAsync(actions, cancellation);
        return names;
    }

    private async Task WriteAsync(DaemonCopyItem item, string? bitmap, long speedLimit, bool compress, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            await item.Target.OpenAsync(_jobs, cancellation);
            // A mirror is a third faster than a backup job. But it is free to leave out zeroes that the target has, and what lies beneath would show.
            bool mirror = bitmap is null && item.Target.BackingName is null && item.HolesAreZeroes && !compress;
            await _jobs.RunAsync(item.Target.JobId, token => mirror ? MirrorAsync(item, speedLimit, progress, token) : BackUpAsync(item, bitmap, speedLimit, compress, token), progress, cancellation);
            await item.Target.CloseAsync(_jobs, cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpJobFailed || failure.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw Explain(item, failure.Message, failure);
        }
        catch (MomentException stuck) when (stuck.ErrorId == QmpErrors.QmpJobStuck && cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(stuck.Message, stuck, cancellation);
        }
    }

    private Task BackUpAsync(DaemonCopyItem item, string? bitmap, long speedLimit, bool compress, CancellationToken cancellation) => _daemon.Qmp.TransactionAsync(
        [
            TransactionAction.BlockdevBackup(
                item.Target.JobId, item.SourceNode, item.Target.NodeName, bitmap is null ? "full" : "bitmap", bitmap, bitmap is null ? null : "never", speedLimit > 0 ? speedLimit : null, compress),
        ],
        cancellation);

    private async Task MirrorAsync(DaemonCopyItem item, long speedLimit, IProgress<JobProgress>? progress, CancellationToken cancellation)
    {
        string job = item.Target.JobId;
        var arguments = new JsonObject { ["job-id"] = job, ["device"] = item.SourceNode, ["target"] = item.Target.NodeName, ["sync"] = "full", ["auto-dismiss"] = false };
        if (speedLimit > 0)
            arguments["speed"] = speedLimit;
        await _daemon.Qmp.ExecuteAsync("blockdev-mirror", arguments, cancellation);
        if (!(await _jobs.WaitUntilAsync(job, state => state.Status == "ready", progress, cancellation)).IsConcluded)
            await _daemon.Qmp.JobCompleteAsync(job, cancellation);
    }

    // What an image's tables meet when they are written at the end, the daemon says in words to its standard error, and QMP nothing.
    private async Task EndAsync(IReadOnlyList<DaemonCopyItem> items, CancellationToken cancellation)
    {
        try
        {
            await _daemon.CloseAsync(cancellation);
        }
        catch (MomentException failure) when (failure.Message.Contains(NoSpace, StringComparison.Ordinal))
        {
            throw Explain(items[0], failure.Message, failure);
        }
    }

    private static MomentException Explain(DaemonCopyItem item, string why, MomentException failure)
    {
        bool full = why.Contains(NoSpace, StringComparison.Ordinal);
        return new MomentException(
            full ? FileErrors.StorageFull : OperationErrors.BackupFailed, $"Cannot write '{item.Target.Path}': {why}", item.Target.Path,
            full ? "Free some space for the repository, then run the command again: no half backup is kept." : "Nothing was kept of it. Look at the storage of what is read and of the repository, then run the command again.",
            failure) { PeerErrorClass = failure.PeerErrorClass };
    }
}
