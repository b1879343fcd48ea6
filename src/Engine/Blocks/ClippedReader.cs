namespace MomentTools.Blocks;

/// <summary>The beginning of a disk. It does not own the disk.</summary>
/// <param name="disk">The disk.</param>
/// <param name="length">How many bytes of it, no more than it has.</param>
internal sealed class ClippedReader(IBlockReader disk, long length) : IBlockReader
{
    public long Length { get; } = length <= disk.Length ? length : throw new ArgumentOutOfRangeException(nameof(length), length, $"The disk has {disk.Length} bytes.");

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation) => disk.ReadAsync(offset, buffer, cancellation);

    public IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, CancellationToken cancellation) => disk.StatusAsync(offset, length, cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
