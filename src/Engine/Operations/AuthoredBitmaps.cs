using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// Sets of blocks as bitmaps beside the disks of a session, with the granularity of all our bitmaps. They can be merged into bitmaps of the
/// disk until this is disposed; then all of it is gone.
/// </summary>
internal sealed class AuthoredBitmaps : IAsyncDisposable
{
    private readonly AuthoredSets _sets;

    private AuthoredBitmaps(AuthoredSets sets, IReadOnlyList<BitmapRef> bitmaps)
    {
        _sets = sets;
        Bitmaps = bitmaps;
    }

    /// <summary>One closed bitmap for each set, in their order.</summary>
    public IReadOnlyList<BitmapRef> Bitmaps { get; }

    /// <param name="session">The line to whoever owns the disks.</param>
    /// <param name="operationId">The operation's id: part of the nodes' names, by which what a dead process left is found.</param>
    /// <param name="sets">Disk and blocks inside it; each set is rounded out to the granularity. Where there is none, nothing is made.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task<AuthoredBitmaps> WriteAsync(
        BlockSession session, string operationId, IReadOnlyList<(string Disk, ExtentMap Blocks)> sets, CancellationToken cancellation)
    {
        // One node for each disk, however its sets lie among those of others.
        (int Index, ExtentMap Blocks)[][] disks = [.. sets
            .Select((set, index) => (set.Disk, Index: index, set.Blocks))
            .GroupBy(set => set.Disk, set => (set.Index, set.Blocks), StringComparer.Ordinal)
            .Select(disk => disk.ToArray())];
        AuthoredSets authored = await WriteAsync(
            session, operationId, [.. disks.Select(disk => (session.Disks[sets[disk[0].Index].Disk].VirtualSize, (IReadOnlyList<ExtentMap>)[.. disk.Select(set => set.Blocks)]))], cancellation);
        IEnumerable<int> order = disks.SelectMany(disk => disk.Select(set => set.Index));
        return new AuthoredBitmaps(authored, [.. order.Zip(authored.Bitmaps).OrderBy(pair => pair.First).Select(pair => pair.Second)]);
    }

    /// <summary>For each size of a disk in bytes one bitmap with all its bits, in their order.</summary>
    public static async Task<AuthoredBitmaps> FullAsync(BlockSession session, string operationId, IReadOnlyList<long> sizes, CancellationToken cancellation)
    {
        AuthoredSets authored = await WriteAsync(
            session, operationId, [.. sizes.Select(size => (size, (IReadOnlyList<ExtentMap>)[ExtentMap.Of(new Extent(0, size))]))], cancellation);
        return new AuthoredBitmaps(authored, authored.Bitmaps);
    }

    public ValueTask DisposeAsync() => _sets.DisposeAsync();

    private static Task<AuthoredSets> WriteAsync(
        BlockSession session, string operationId, IReadOnlyList<(long Size, IReadOnlyList<ExtentMap> Sets)> disks, CancellationToken cancellation) =>
        AuthoredSets.WriteAsync(session.Qmp, () => session.OpenExports(cancellation), $"mt-{operationId}-n", TrackingProof.Granularity, disks, cancellation);
}
