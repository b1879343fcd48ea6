using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// Sets of blocks as bitmaps in QEMU, which has no command for that: on a null-co node of the disk's size (it stores nothing) each bitmap
/// records while zeroes are written over its runs through a writable export. They can be merged into other bitmaps until this is
/// disposed; then all of it is gone.
/// </summary>
internal sealed class AuthoredSets : IAsyncDisposable
{
    // Tasks at once: runs may be hundreds of thousands.
    private const int Batch = 1024;

    private readonly QmpClient _qmp;
    private readonly long _granularity;
    private readonly HashSet<string> _nodes = new(StringComparer.Ordinal);
    private readonly List<BitmapRef> _bitmaps = [];

    private AuthoredSets(QmpClient qmp, long granularity)
    {
        _qmp = qmp;
        _granularity = granularity;
    }

    /// <summary>One closed bitmap for each set, in their order.</summary>
    public IReadOnlyList<BitmapRef> Bitmaps => _bitmaps;

    /// <param name="qmp">The line to the process that gets the bitmaps.</param>
    /// <param name="open">Opens exports of that process; where there is no set they are not asked for.</param>
    /// <param name="nodePrefix">How the nodes are called; a number follows.</param>
    /// <param name="granularity">Bytes of one bit; each set is rounded out to it.</param>
    /// <param name="disks">For each disk its size in bytes, and sets of blocks inside it.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task<AuthoredSets> WriteAsync(
        QmpClient qmp, Func<SessionExports> open, string nodePrefix, long granularity, IReadOnlyList<(long Size, IReadOnlyList<ExtentMap> Sets)> disks, CancellationToken cancellation)
    {
        // Cut off in silence, a set would become too small.
        foreach ((long size, IReadOnlyList<ExtentMap> sets) in disks)
            foreach (ExtentMap blocks in sets)
                if (blocks.Count > 0)
                    ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks[^1].End, size, nameof(disks));
        var authored = new AuthoredSets(qmp, granularity);
        if (disks.Count == 0)
            return authored;
        try
        {
            await using SessionExports exports = open();
            for (int number = 0; number < disks.Count; number++)
                await authored.AddAsync(exports, $"{nodePrefix}{number}", disks[number].Size, disks[number].Sets, cancellation);
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
        NbdClient client = await exports.ConnectAsync(node, [], [], cancellation, writable: true);
        foreach (ExtentMap blocks in sets)
        {
            var bitmap = new BitmapRef(node, $"mt-{_bitmaps.Count}");
            await _qmp.BitmapAddAsync(node, bitmap.Name, persistent: false, _granularity, disabled: false, cancellation);
            foreach (Extent[] some in blocks.RoundOut(_granularity, size).Chunk(Batch))
                await Task.WhenAll(some.Select(run => client.WriteZeroesAsync(run.Offset, run.Length, cancellation)));
            await _qmp.BitmapDisableAsync(node, bitmap.Name, cancellation);
            _bitmaps.Add(bitmap);
        }
    }
}
