using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// Sets of blocks as bitmaps in QEMU, which has no command for that: on a null-co node of the disk's size (it stores nothing) each bitmap
/// records while zeroes are written over its runs through a writable export. They can be merged into bitmaps of the disk until this is
/// disposed; then all of it is gone.
/// </summary>
internal sealed class AuthoredBitmaps : IAsyncDisposable
{
    // Tasks at once: runs may be hundreds of thousands.
    private const int Batch = 1024;

    private readonly QmpClient _qmp;
    private readonly HashSet<string> _nodes = new(StringComparer.Ordinal);
    private readonly List<BitmapRef> _bitmaps = [];

    private AuthoredBitmaps(QmpClient qmp) => _qmp = qmp;

    /// <summary>One closed bitmap for each set, in their order.</summary>
    public IReadOnlyList<BitmapRef> Bitmaps => _bitmaps;

    /// <param name="session">The line to whoever owns the disks.</param>
    /// <param name="operationId">The operation's id: part of the nodes' names, by which what a dead process left is found.</param>
    /// <param name="sets">Disk and blocks inside it; each set is rounded out to the granularity of all our bitmaps. Where there is none, nothing is made.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task<AuthoredBitmaps> WriteAsync(
        BlockSession session, string operationId, IReadOnlyList<(string Disk, ExtentMap Blocks)> sets, CancellationToken cancellation)
    {
        var authored = new AuthoredBitmaps(session.Qmp);
        if (sets.Count == 0)
            return authored;
        // Cut off in silence, a set would become too small.
        foreach ((string disk, ExtentMap blocks) in sets)
            if (blocks.Count > 0)
                ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks[^1].End, session.Disks[disk].VirtualSize, nameof(sets));
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            int number = 0;
            foreach (IGrouping<string, ExtentMap> disk in sets.GroupBy(set => set.Disk, set => set.Blocks, StringComparer.Ordinal))
                await authored.AddAsync(exports, $"mt-{operationId}-n{number++}", session.Disks[disk.Key].VirtualSize, disk, cancellation);
        }
        catch
        {
            await authored.DisposeAsync();
            throw;
        }

        return authored;
    }

    /// <summary>For each size of a disk in bytes one bitmap with all its bits, in their order.</summary>
    public static async Task<AuthoredBitmaps> FullAsync(BlockSession session, string operationId, IReadOnlyList<long> sizes, CancellationToken cancellation)
    {
        var authored = new AuthoredBitmaps(session.Qmp);
        if (sizes.Count == 0)
            return authored;
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            for (int number = 0; number < sizes.Count; number++)
                await authored.AddAsync(exports, $"mt-{operationId}-n{number}", sizes[number], [ExtentMap.Of(new Extent(0, sizes[number]))], cancellation);
        }
        catch
        {
            await authored.DisposeAsync();
            throw;
        }

        return authored;
    }

    public async ValueTask DisposeAsync()
    {
        string[] nodes = [.. _nodes];
        _nodes.Clear();
        foreach (string node in nodes)
        {
            if (_qmp.Closed.IsCompleted)
                return;
            try
            {
                await _qmp.BlockdevDelAsync(node, CancellationToken.None);
            }
            catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpConnectionLost)
            {
                // The nodes went with the process that had them.
                return;
            }
        }
    }

    private async Task AddAsync(SessionExports exports, string node, long size, IEnumerable<ExtentMap> sets, CancellationToken cancellation)
    {
        // Not cancelled: a node that was asked for may be there although nobody waited for the answer.
        await _qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = node, ["size"] = size }, CancellationToken.None);
        _nodes.Add(node);
        await using NbdClient client = await exports.ConnectAsync(node, [], [], cancellation, writable: true);
        foreach (ExtentMap blocks in sets)
        {
            var bitmap = new BitmapRef(node, $"mt-{_bitmaps.Count}");
            await _qmp.BitmapAddAsync(node, bitmap.Name, persistent: false, TrackingProof.Granularity, disabled: false, cancellation);
            foreach (Extent[] some in blocks.RoundOut(TrackingProof.Granularity, size).Chunk(Batch))
                await Task.WhenAll(some.Select(run => client.WriteZeroesAsync(run.Offset, run.Length, cancellation)));
            await _qmp.BitmapDisableAsync(node, bitmap.Name, cancellation);
            _bitmaps.Add(bitmap);
        }
    }
}
