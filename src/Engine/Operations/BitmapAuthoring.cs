using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>Writes sets of blocks that are known from elsewhere (sidecars, a layer's allocation, another layer) as new bitmaps of a disk.</summary>
internal static class BitmapAuthoring
{
    /// <summary>Makes the bitmaps in one transaction, all or none; a name that is taken makes QEMU refuse.</summary>
    /// <param name="session">The line to whoever owns the disk.</param>
    /// <param name="disk">The disk; the bitmaps are made on its active layer.</param>
    /// <param name="operationId">The operation's id, part of the temporary names.</param>
    /// <param name="bitmaps">Name, blocks inside the disk, whether it is stored in the image, whether it records from then on.</param>
    /// <param name="cancellation">Cancels until the transaction begins.</param>
    public static async Task WriteAsync(
        BlockSession session, string disk, string operationId, IReadOnlyList<(string Bitmap, ExtentMap Blocks, bool Persistent, bool Recording)> bitmaps, CancellationToken cancellation)
    {
        if (bitmaps.Count == 0)
            return;
        await using AuthoredBitmaps authored = await AuthoredBitmaps.WriteAsync(session, operationId, [.. bitmaps.Select(bitmap => (disk, bitmap.Blocks))], cancellation);
        string node = session.Disks[disk].NodeName;
        TransactionAction[] actions = [.. bitmaps.Zip(authored.Bitmaps).SelectMany(pair => new[]
        {
            TransactionAction.BitmapAdd(node, pair.First.Bitmap, pair.First.Persistent, TrackingProof.Granularity, disabled: !pair.First.Recording),
            TransactionAction.BitmapMerge(node, pair.First.Bitmap, [pair.Second]),
        })];
        await session.Qmp.TransactionAsync(actions, CancellationToken.None);
    }
}
