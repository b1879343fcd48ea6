using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>What is really on the disks of a session.</summary>
internal static class SessionView
{
    /// <summary>As it was when the session was opened, a moment ago: no further question is asked.</summary>
    public static IReadOnlyDictionary<string, ObservedLayer> AtOpening(BlockSession session) =>
        session.Disks.Values.ToDictionary(disk => disk.Name, disk => ObservedLayer.From(disk.Path, disk.VirtualSize, disk.Bitmaps), StringComparer.Ordinal);

    /// <summary>As it is now.</summary>
    public static async Task<IReadOnlyDictionary<string, ObservedLayer>> ReadAsync(BlockSession session, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, IReadOnlyList<QmpDirtyBitmap>> bitmaps = await session.BitmapsAsync(cancellation);
        return session.Disks.Values.ToDictionary(disk => disk.Name, disk => ObservedLayer.From(disk.Path, disk.VirtualSize, bitmaps[disk.Name]), StringComparer.Ordinal);
    }
}
