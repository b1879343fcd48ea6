namespace MomentTools.Blocks;

/// <summary>A disk's content to read by position, from wherever it lies: a qcow2 chain, an NBD export, a raw file.</summary>
internal interface IBlockReader : IAsyncDisposable
{
    /// <summary>The virtual size in bytes.</summary>
    long Length { get; }

    /// <summary>Fills <paramref name="buffer"/> from <paramref name="offset"/>; never reads short. Safe to call in parallel.</summary>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation);

    /// <summary>What lies in [offset, offset + length): runs in order, without gaps, neighbours of different kind.</summary>
    IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, CancellationToken cancellation);
}
