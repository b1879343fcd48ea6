using System.Runtime.CompilerServices;
using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>An image with all it stands on, read as the disk that a guest would see.</summary>
internal sealed class Qcow2Chain : IBlockReader
{
    private readonly IReadOnlyList<IImageLayer> _layers;

    private Qcow2Chain(IReadOnlyList<IImageLayer> layers) => _layers = layers;

    /// <summary>The virtual size of the top layer.</summary>
    public long Length => _layers[0].Length;

    /// <summary>The layers from the top down.</summary>
    public IReadOnlyList<IImageLayer> Layers => _layers;

    /// <summary>Opens an image and its backing files; those that the gate does not admit are not opened, and the chain neither.</summary>
    public static async Task<Qcow2Chain> OpenAsync(string path, IImageGate gate, CancellationToken cancellation) =>
        new(await new ChainOpener(gate).OpenAsync(path, cancellation));

    /// <summary>The same of a chain whose files are known, all of them: it is as deep as it is.</summary>
    public static async Task<Qcow2Chain> OpenAsync(IReadOnlyList<string> paths, CancellationToken cancellation) =>
        new(await new ChainOpener(new PathListImageGate(paths), paths.Count).OpenAsync(paths[0], cancellation));

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        await foreach (Qcow2ChainRun run in MapAsync(offset, buffer.Length, cancellation))
        {
            long done = run.Mapping.Offset.Value - offset;
            Memory<byte> part = buffer.Slice((int)done, (int)run.Mapping.Length);
            if (run.Mapping is Qcow2Mapping.Unallocated)
                part.Span.Clear();
            else
                await _layers[run.Depth].ReadAsync(run.Mapping, part, cancellation);
        }
    }

    /// <summary>Which layer decides about each run of [offset, offset + length), and what it says: in order, without gaps.</summary>
    public IAsyncEnumerable<Qcow2ChainRun> MapAsync(long offset, long length, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        return MapFromAsync(0, offset, length, cancellation);
    }

    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BlockStatus? pending = null;
        await foreach (Qcow2ChainRun run in MapAsync(offset, length, cancellation))
        {
            BlockKind kind = run.Mapping switch
            {
                Qcow2Mapping.Unallocated => BlockKind.Unallocated,
                Qcow2Mapping.Zero => BlockKind.Zero,
                _ => BlockKind.Data,
            };
            if (pending is { } before && before.Kind == kind)
            {
                pending = before with { Length = before.Length + run.Mapping.Length };
                continue;
            }

            if (pending is { } finished)
                yield return finished;
            pending = new BlockStatus(run.Mapping.Offset.Value, run.Mapping.Length, kind);
        }

        if (pending is { } last)
            yield return last;
    }

    /// <summary>What of these ranges no layer stores bytes for, so that it reads as zeroes.</summary>
    public async Task<ExtentMap> ZeroesAsync(ExtentMap ranges, CancellationToken cancellation)
    {
        ExtentMap zero = ExtentMap.Empty, open = ranges;
        foreach (IImageLayer layer in _layers)
        {
            // A backing file may be shorter than what stands on it.
            ExtentMap inside = open.Clip(layer.Length);
            LayerHoles holes = await layer.HolesAsync(inside, cancellation);
            zero = zero.Union(open.Subtract(inside)).Union(holes.Zero);
            open = holes.Unallocated;
            if (open.Count == 0)
                break;
        }

        return zero.Union(open);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IImageLayer layer in _layers)
            await layer.DisposeAsync();
    }

    private async IAsyncEnumerable<Qcow2ChainRun> MapFromAsync(
        int depth, long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (Qcow2Mapping mapping in _layers[depth].MapAsync(offset, length, cancellation))
        {
            if (mapping is not Qcow2Mapping.Unallocated || depth + 1 == _layers.Count)
            {
                yield return new Qcow2ChainRun(depth, mapping);
                continue;
            }

            // A backing file may be shorter than what stands on it; the rest is in no layer and reads as zeroes.
            long start = mapping.Offset.Value;
            long beneath = Math.Clamp(_layers[depth + 1].Length - start, 0, mapping.Length);
            if (beneath > 0)
            {
                await foreach (Qcow2ChainRun run in MapFromAsync(depth + 1, start, beneath, cancellation))
                    yield return run;
            }

            if (beneath < mapping.Length)
                yield return new Qcow2ChainRun(depth, new Qcow2Mapping.Unallocated(new GuestOffset(start + beneath), mapping.Length - beneath));
        }
    }
}
