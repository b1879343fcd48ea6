using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// The line to whoever merges layers: the machine, where the layer that goes is in the chain that it has open, else a storage daemon, which
/// opens that layer for reading only.
/// </summary>
internal sealed class LayerSession : IAsyncDisposable
{
    private readonly string _disk;

    private LayerSession(BlockSession session, string disk, bool isLive)
    {
        Session = session;
        _disk = disk;
        IsLive = isLive;
    }

    public BlockSession Session { get; }

    /// <summary>Whether a guest may be writing.</summary>
    public bool IsLive { get; }

    /// <summary>The line to the machine, or null where it does not run, or has not this layer open.</summary>
    public static async Task<LayerSession?> TryMachineAsync(ChangeScope scope, string disk, string layer, CancellationToken cancellation)
    {
        if (scope.Domain.FindDisk(disk) is null || MachineProbe.Find(scope.Place, scope.Domain).Monitor is null)
            return null;
        BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [disk], BlockAccess.Change, cancellation);
        try
        {
            if (session.IsMachine && (await ChainNodes.ReadAsync(session.Qmp, disk, cancellation)).Find(layer) is not null)
                return new LayerSession(session, disk, isLive: true);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }

        await session.DisposeAsync();
        return null;
    }

    /// <summary>A storage daemon with a layer and all beneath it.</summary>
    public static async Task<LayerSession> OverDaemonAsync(ChangeScope scope, string disk, TrackingLayer layer, BlockAccess access, CancellationToken cancellation) => new(
        await BlockSession.OpenImagesAsync(
            scope.Place, scope.Domain, new Dictionary<string, (string Path, string Format)>(StringComparer.Ordinal) { [disk] = (layer.Path, layer.Facts?.Format ?? "qcow2") }, access, cancellation),
        disk, isLive: false);

    public Task<ChainNodes> NodesAsync(CancellationToken cancellation) => ChainNodes.ReadAsync(Session.Qmp, _disk, cancellation);

    /// <summary>Starts the job that writes a layer into another beneath it.</summary>
    public Task CommitAsync(string jobId, QmpBlockNode from, QmpBlockNode into, string intoPath, CancellationToken cancellation)
    {
        string top = IsLive ? Session.Disks[_disk].NodeName : from.NodeName;
        bool isTop = top == from.NodeName;
        return Session.Qmp.BlockCommitAsync(jobId, top, isTop ? null : from.NodeName, into.NodeName, isTop ? null : intoPath, cancellation);
    }

    /// <summary>
    /// Does the last step of a job that streams into a layer. What it wrote may still be in QEMU's memory alone, which flushes for its guest only;
    /// and as soon as the layer names no backing file any more, nothing else has it. So it is on stable storage first.
    /// </summary>
    /// <param name="jobId">The job, at its last step; where this fails before the chain changes, it is cancelled.</param>
    /// <param name="node">The layer's node.</param>
    public async Task FinishStreamAsync(string jobId, string node)
    {
        try
        {
            await using SessionExports exports = Session.OpenExports(CancellationToken.None);
            NbdClient client = await exports.ConnectAsync(node, [], [], CancellationToken.None);
            await client.FlushAsync(CancellationToken.None);
        }
        catch
        {
            if (!Session.Qmp.Closed.IsCompleted)
                await Session.Jobs.CancelAsync(jobId, CancellationToken.None);
            throw;
        }

        await PendingJob.FinishAsync(Session.Jobs, jobId);
    }

    /// <summary>Closes a layer that nothing stands on any more; a daemon closes everything, which stores bitmaps.</summary>
    /// <returns>Why QEMU keeps the layer open, or null.</returns>
    public async Task<string?> CloseAsync(string node, string written)
    {
        string? open = IsLive ? await ChainNodes.CloseAsync(Session.Qmp, node) : null;
        await Session.CloseAsync(CancellationToken.None);
        DurableFile.FlushFile(written);
        return open;
    }

    public ValueTask DisposeAsync() => Session.DisposeAsync();
}
