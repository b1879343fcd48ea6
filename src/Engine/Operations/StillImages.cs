using System.Runtime.CompilerServices;
using MomentTools.Blocks;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// The images of a chain that nobody writes to, read as one disk as long as they are the files that they were: their stamps are compared
/// before the first read and after each.
/// </summary>
internal sealed class StillImages : IBlockReader
{
    private readonly Qcow2Chain _chain;
    private readonly Action _verify;

    private StillImages(Qcow2Chain chain, Action verify) => (_chain, _verify) = (chain, verify);

    public long Length => _chain.Length;

    /// <summary>The content of a chain as it is now, to be opened any time later.</summary>
    /// <param name="vm">The machine, for errors.</param>
    /// <param name="disk">The disk, for errors.</param>
    /// <param name="paths">The images, the uppermost first.</param>
    public static BlockContent Content(string vm, string disk, IReadOnlyList<string> paths)
    {
        (string Path, FileStamp? Stamp)[] then = [.. paths.Select(path => (path, FileStamp.Of(path)))];
        return new BlockContent(async cancellation =>
        {
            Verify();
            Qcow2Chain chain = await Qcow2Chain.OpenAsync(paths[0], new PathListImageGate(paths), cancellation);
            return new StillImages(chain, Verify);
        });

        void Verify()
        {
            foreach ((string path, FileStamp? stamp) in then)
                if (stamp is null || FileStamp.Of(path) is not { } now || now.Inode != stamp.Inode || now.Length != stamp.Length || now.Modified != stamp.Modified)
                    throw OperationErrors.ContentMoved(vm, disk, path);
        }
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        await _chain.ReadAsync(offset, buffer, cancellation);
        _verify();
    }

    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (BlockStatus status in _chain.StatusAsync(offset, length, cancellation))
            yield return status;
        _verify();
    }

    public ValueTask DisposeAsync() => _chain.DisposeAsync();
}
