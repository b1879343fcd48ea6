namespace MomentTools.Blocks;

/// <summary>A disk's content to write by position, wherever it is to lie: an NBD export, a raw file.</summary>
internal interface IBlockWriter : IAsyncDisposable
{
    /// <summary>The virtual size in bytes.</summary>
    long Length { get; }

    /// <summary>A power of two: offsets and lengths are multiples of it, but for a length that ends with the disk.</summary>
    int Alignment { get; }

    /// <summary>Writes all of <paramref name="data"/>. Safe to call in parallel for ranges apart from each other.</summary>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation);

    /// <summary>Makes [offset, offset + length) read as zeroes, in as little room as it can.</summary>
    ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation);

    /// <summary>Brings everything written to stable storage.</summary>
    Task FlushAsync(CancellationToken cancellation);
}
