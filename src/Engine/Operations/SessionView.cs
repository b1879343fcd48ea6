using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>What is really on the disks of a session.</summary>
internal static class SessionView
{
    /// <summary>The bitmaps as they were when the session was opened, a moment ago: no further question is asked, and nothing is proven of the layers beneath.</summary>
    public static IReadOnlyDictionary<string, ObservedLayer> BitmapsAtOpening(BlockSession session) =>
        session.Disks.Values.ToDictionary(disk => disk.Name, disk => ObservedLayer.From(disk.Path, disk.VirtualSize, disk.Bitmaps), StringComparer.Ordinal);

    /// <summary>The bitmaps as they are now.</summary>
    public static async Task<IReadOnlyDictionary<string, ObservedLayer>> BitmapsAsync(BlockSession session, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, IReadOnlyList<QmpDirtyBitmap>> bitmaps = await session.BitmapsAsync(cancellation);
        return session.Disks.Values.ToDictionary(disk => disk.Name, disk => ObservedLayer.From(disk.Path, disk.VirtualSize, bitmaps[disk.Name]), StringComparer.Ordinal);
    }

    /// <summary>The bitmaps as they were at the opening, and the layers beneath as they are now.</summary>
    public static Task<IReadOnlyDictionary<string, ObservedLayer>> AtOpeningAsync(BlockSession session, DomainMoments state, CancellationToken cancellation) =>
        WithLayersAsync(session, state, BitmapsAtOpening(session), cancellation);

    /// <summary>Bitmaps and layers as they are now.</summary>
    public static async Task<IReadOnlyDictionary<string, ObservedLayer>> ReadAsync(BlockSession session, DomainMoments state, CancellationToken cancellation) =>
        await WithLayersAsync(session, state, await BitmapsAsync(session, cancellation), cancellation);

    private static async Task<IReadOnlyDictionary<string, ObservedLayer>> WithLayersAsync(
        BlockSession session, DomainMoments state, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        Dictionary<string, ObservedLayer> whole = new(StringComparer.Ordinal);
        foreach (SessionDisk disk in session.Disks.Values)
        {
            DiskTracking tracking = state.Disk(disk.Name);
            IReadOnlyList<SeenLayer> layers = await LayerReading.ChainAsync(tracking, disk, cancellation);
            // Who owns an attached machine's images is only looked for where it matters.
            long opened = session.OpenedAfter is 0 && LayerDrift.Find(tracking, layers).Count > 0 ? Opened(disk.Path) : session.OpenedAfter;
            whole[disk.Name] = seen[disk.Name] with { Chain = new SeenChain(layers, opened) };
        }

        return whole;
    }

    private static long Opened(string path) => ImageHolders.Processes(path).Select(process => process.StartedAt()).DefaultIfEmpty(0).Min();
}
