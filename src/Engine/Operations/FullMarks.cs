using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// The bits of the marks that a checkpoint cannot take over from the marks before: of disks that were not tracked yet, or have another
/// size than then. They are there until this is disposed.
/// </summary>
internal sealed class FullMarks : IAsyncDisposable
{
    private readonly AuthoredBitmaps _bitmaps;
    private readonly IReadOnlyDictionary<string, BitmapRef> _byDisk;

    private FullMarks(AuthoredBitmaps bitmaps, IReadOnlyDictionary<string, BitmapRef> byDisk)
    {
        _bitmaps = bitmaps;
        _byDisk = byDisk;
    }

    public static Task<FullMarks> MakeAsync(BlockSession session, IReadOnlyList<CheckpointStep> steps, string operationId, CancellationToken cancellation) =>
        MakeAsync(session, [.. steps.Where(step => step.NeedsFull).Select(step => step.Disk)], operationId, cancellation);

    /// <param name="session">The line to whoever owns the disks.</param>
    /// <param name="disks">The disks that need them.</param>
    /// <param name="operationId">The operation's id: part of the names of what is made.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task<FullMarks> MakeAsync(BlockSession session, string[] disks, string operationId, CancellationToken cancellation)
    {
        AuthoredBitmaps bitmaps = await AuthoredBitmaps.WriteAsync(
            session, operationId + "m", [.. disks.Select(disk => (disk, ExtentMap.Of(new Extent(0, session.Disks[disk].VirtualSize))))], cancellation);
        return new FullMarks(bitmaps, disks.Zip(bitmaps.Bitmaps).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal));
    }

    /// <summary>The bits for a disk's mark; null where none were needed.</summary>
    public BitmapRef? this[string disk] => _byDisk.TryGetValue(disk, out BitmapRef full) ? full : null;

    /// <summary>The actions of a step, with the bits for its mark.</summary>
    public IEnumerable<TransactionAction> Actions(CheckpointStep step) =>
        step.Actions(this[step.Disk]);

    public ValueTask DisposeAsync() => _bitmaps.DisposeAsync();
}
