using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>One file of a chain: what it says about the disk, and the bytes it stores.</summary>
internal interface IImageLayer : IAsyncDisposable
{
    string Path { get; }

    /// <summary>The virtual size in bytes.</summary>
    long Length { get; }

    /// <summary>What this layer alone says about [offset, offset + length): runs in order, without gaps, neighbours joined.</summary>
    IAsyncEnumerable<Qcow2Mapping> MapAsync(long offset, long length, CancellationToken cancellation);

    /// <summary>
    /// What of these ranges, which lie within the layer, it stores no bytes for. The same as <see cref="MapAsync"/> tells, for many
    /// ranges at once.
    /// </summary>
    Task<LayerHoles> HolesAsync(ExtentMap ranges, CancellationToken cancellation);

    /// <summary>Fills the buffer from the run's beginning; the run is one of this layer's own and holds data, or zeroes.</summary>
    ValueTask ReadAsync(Qcow2Mapping mapping, Memory<byte> buffer, CancellationToken cancellation);
}
