using System.Runtime.CompilerServices;
using MomentTools.Blocks;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// The images of a chain that nobody writes to, and the proof of it: their stamps, taken once the times in them had settled, so that each
/// later write shows. A write changes the stamp before its data can be read; whoever looks at the stamps after a read knows what it was.
/// </summary>
internal sealed class StillImages
{
    // A file system that tells fractions of a second ticks at least each 10 ms; one that does not, at least each 2 s. The clock of a
    // server may go wrong by some seconds: the time is waited for, not calculated.
    private const long Young = 10_000_000_000;
    private const int Attempts = 5;
    private static readonly TimeSpan FineTick = TimeSpan.FromMilliseconds(50), CoarseTick = TimeSpan.FromSeconds(2.1);

    private readonly string _vm;
    private readonly string _disk;
    private readonly string[] _paths;
    private readonly FileStamp[] _stamps;

    private StillImages(string vm, string disk, string[] paths)
    {
        (_vm, _disk, _paths) = (vm, disk, paths);
        _stamps = [.. paths.Select(path => FileStamp.Of(path) ?? throw OperationErrors.ContentMoved(vm, disk, path))];
    }

    /// <summary>Waits until a later write would get another time than the last one has. What is to be one with the content is read after this.</summary>
    /// <param name="vm">The machine, for errors.</param>
    /// <param name="disk">The disk, for errors.</param>
    /// <param name="paths">The images, the uppermost first.</param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <exception cref="Errors.MomentException"><c>ChangedContentGone</c>: they are being written to all the time, or one is not there.</exception>
    public static async Task<StillImages> SettleAsync(string vm, string disk, IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        var images = new StillImages(vm, disk, [.. paths]);
        for (int attempt = 1; images.Tick() is { } tick; attempt++)
        {
            await Task.Delay(tick, cancellation);
            var again = new StillImages(vm, disk, images._paths);
            if (again._stamps.SequenceEqual(images._stamps))
                break;
            if (attempt == Attempts)
                images.Verify();
            images = again;
        }

        return images;
    }

    /// <summary>Passes if they are the files that they were, and nobody wrote to them.</summary>
    /// <exception cref="Errors.MomentException"><c>ChangedContentGone</c>.</exception>
    public void Verify()
    {
        for (int index = 0; index < _paths.Length; index++)
            if (FileStamp.Of(_paths[index]) != _stamps[index])
                throw OperationErrors.ContentMoved(_vm, _disk, _paths[index]);
    }

    /// <summary>Their content as one disk, to be opened any time later: it is read as it is now, or not at all.</summary>
    public BlockContent Content() => new(async cancellation =>
    {
        Verify();
        return new Reader(await Qcow2Chain.OpenAsync(_paths[0], new PathListImageGate(_paths), cancellation), this);
    });

    // By the time of the last change of any kind, which nobody can set.
    private TimeSpan? Tick()
    {
        long now = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;
        long[] young = [.. _stamps.Select(stamp => stamp.Changed).Where(time => time > now - Young)];
        return young.Length == 0 ? null : young.Any(time => time % 1_000_000_000 == 0) ? CoarseTick : FineTick;
    }

    private sealed class Reader(Qcow2Chain chain, StillImages images) : IBlockReader
    {
        public long Length => chain.Length;

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
        {
            try
            {
                await chain.ReadAsync(offset, buffer, cancellation);
            }
            finally
            {
                // Also where the read failed: what led there is the write.
                images.Verify();
            }
        }

        public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
        {
            await foreach (BlockStatus status in chain.StatusAsync(offset, length, cancellation))
            {
                images.Verify();
                yield return status;
            }
        }

        public ValueTask DisposeAsync() => chain.DisposeAsync();
    }
}
