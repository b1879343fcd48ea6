using System.Runtime.CompilerServices;
using MomentTools.Blocks;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>One connection to one export of an NBD server, for reading and for writing zeroes. Safe to use from many tasks at once.</summary>
internal sealed class NbdClient : IBlockReader
{
    // Bytes of one read around a misaligned one: a multiple of every minimum block size.
    private const int WidenedRead = 1 << 20;

    private readonly NbdLink _link;
    private readonly NbdNegotiated _agreed;
    private readonly NbdEndpoint _endpoint;

    private NbdClient(NbdStream stream, NbdNegotiated agreed, NbdOptions options)
    {
        _agreed = agreed;
        _endpoint = stream.Endpoint;
        Contexts = [.. agreed.Contexts.Select(context => context.Name)];
        _link = new NbdLink(stream, agreed.StructuredReplies, options);
    }

    public long Length => _agreed.Length;

    public bool ReadOnly => _agreed.Flags.HasFlag(ExportFlags.ReadOnly);

    /// <summary>NBD_FLAG_CAN_MULTI_CONN: all connections to the export show the same bytes.</summary>
    public bool CanMultiConnect => _agreed.Flags.HasFlag(ExportFlags.CanMultiConn);

    public bool CanFlush => _agreed.Flags.HasFlag(ExportFlags.SendFlush);

    /// <summary>Whether zeroes can be written: the export is writable and the server offers it (NBD_FLAG_SEND_WRITE_ZEROES).</summary>
    public bool CanWriteZeroes => !ReadOnly && _agreed.Flags.HasFlag(ExportFlags.SendWriteZeroes);

    public NbdBlockSizes BlockSizes => _agreed.BlockSizes;

    /// <summary>The names of the metadata contexts that the server granted; none without structured replies.</summary>
    public IReadOnlyList<string> Contexts { get; }

    /// <summary>Requests under way.</summary>
    public int InFlight => _link.InFlight;

    /// <summary>Connects to an export and asks for metadata contexts, such as <see cref="NbdContext.BaseAllocation"/>.</summary>
    public static async Task<NbdClient> ConnectAsync(
        NbdAddress address, string exportName, IReadOnlyList<string> contexts, CancellationToken cancellation, NbdOptions? options = null)
    {
        options ??= NbdOptions.Default;
        (NbdStream stream, NbdNegotiated agreed) = await NbdConnector.OpenAsync(
            address, exportName, (handshake, patience) => handshake.OpenAsync(exportName, contexts, patience), options, cancellation);
        return new NbdClient(stream, agreed, options);
    }

    /// <summary>Opens an export over a connection that stands: one made by the caller, or through a tunnel.</summary>
    public static async Task<NbdClient> ConnectAsync(
        Stream connection, NbdEndpoint endpoint, IReadOnlyList<string> contexts, CancellationToken cancellation, NbdOptions? options = null)
    {
        options ??= NbdOptions.Default;
        (NbdStream stream, NbdNegotiated agreed) = await NbdConnector.NegotiateAsync(
            connection, endpoint, (handshake, patience) => handshake.OpenAsync(endpoint.ExportName ?? "", contexts, patience), options, cancellation);
        return new NbdClient(stream, agreed, options);
    }

    /// <summary>The exports that a server lists (NBD_OPT_LIST).</summary>
    public static async Task<IReadOnlyList<NbdExport>> ListAsync(NbdAddress address, CancellationToken cancellation, NbdOptions? options = null)
    {
        (NbdStream stream, IReadOnlyList<NbdExport> exports) = await NbdConnector.OpenAsync(
            address, null, (handshake, patience) => handshake.ListAsync(patience), options ?? NbdOptions.Default, cancellation);
        await stream.DisposeAsync();
        return exports;
    }

    /// <summary>The metadata contexts that a server has for an export (NBD_OPT_LIST_META_CONTEXT).</summary>
    public static async Task<IReadOnlyList<string>> ListContextsAsync(
        NbdAddress address, string exportName, CancellationToken cancellation, NbdOptions? options = null)
    {
        (NbdStream stream, IReadOnlyList<string> contexts) = await NbdConnector.OpenAsync(
            address, exportName, (handshake, patience) => handshake.ListContextsAsync(exportName, patience), options ?? NbdOptions.Default, cancellation);
        await stream.DisposeAsync();
        return contexts;
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        RequireInside(offset, buffer.Length);
        int longest = BlockSizes.LongestRead;
        long misaligned = (offset | (uint)buffer.Length) & (BlockSizes.Minimum - 1);
        if (misaligned != 0)
            await ReadWidenedAsync(offset, buffer, cancellation);
        else if (buffer.Length > longest)
            await ReadInPiecesAsync(offset, buffer, longest, cancellation);
        else if (buffer.Length > 0)
            await _link.RunAsync(new NbdReadRequest(_endpoint, offset, buffer), cancellation);
    }

    /// <summary>The runs of [offset, offset + length) by their flags in a granted context: no gaps, neighbours joined.</summary>
    public async IAsyncEnumerable<NbdStatusExtent> BlockStatusAsync(
        string context, long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        NbdStatusExtent? last = null;
        await foreach (List<NbdStatusExtent> extents in StatusRepliesAsync(context, offset, length, cancellation))
        {
            foreach (NbdStatusExtent extent in extents)
            {
                if (last is { } open && open.Flags == extent.Flags)
                {
                    last = open with { Length = open.Length + extent.Length };
                    continue;
                }

                if (last is { } complete)
                    yield return complete;
                last = extent;
            }
        }

        if (last is { } final)
            yield return final;
    }

    /// <summary>The bytes of the whole disk that a bitmap context (<c>qemu:dirty-bitmap:NAME</c>) marks as changed.</summary>
    public async Task<ExtentMap> ReadDirtyBitmapAsync(string context, CancellationToken cancellation)
    {
        var dirty = new ExtentMapBuilder();
        await foreach (List<NbdStatusExtent> extents in StatusRepliesAsync(context, 0, Length, cancellation))
        {
            foreach (NbdStatusExtent extent in extents)
            {
                if ((extent.Flags & NbdContext.StateDirty) != 0)
                    dirty.Add(extent.Offset, extent.Length);
            }
        }

        return dirty.Build();
    }

    /// <summary>
    /// From base:allocation. Runs that read as zeroes are <see cref="BlockKind.Zero"/>, stored or not: an export shows the
    /// whole chain, so nothing beneath can show through. Without that context everything is data.
    /// </summary>
    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        RequireInside(offset, length);
        if (length == 0)
            yield break;
        if (!Contexts.Contains(NbdContext.BaseAllocation, StringComparer.Ordinal))
        {
            yield return new BlockStatus(offset, length, BlockKind.Data);
            yield break;
        }

        BlockStatus? last = null;
        await foreach (NbdStatusExtent extent in BlockStatusAsync(NbdContext.BaseAllocation, offset, length, cancellation))
        {
            // A hole that is not said to be zero is undefined: only reading tells.
            BlockKind kind = (extent.Flags & NbdContext.StateZero) != 0 ? BlockKind.Zero : BlockKind.Data;
            if (last is { } open && open.Kind == kind)
            {
                last = open with { Length = open.Length + extent.Length };
                continue;
            }

            if (last is { } complete)
                yield return complete;
            last = new BlockStatus(extent.Offset, extent.Length, kind);
        }

        if (last is { } final)
            yield return final;
    }

    /// <summary>Brings all acknowledged writes to stable storage, those of a guest too (NBD_CMD_FLUSH); read-only exports allow it.</summary>
    public Task FlushAsync(CancellationToken cancellation) =>
        CanFlush ? _link.RunAsync(new NbdFlushRequest(_endpoint), cancellation) : Task.FromException(NbdErrors.FlushUnsupported(_endpoint));

    /// <summary>
    /// Makes [offset, offset + length) read as zeroes, as a write and not as a hole (NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE): a bitmap
    /// that records marks it. Whole blocks of the server only.
    /// </summary>
    public async Task WriteZeroesAsync(long offset, long length, CancellationToken cancellation)
    {
        if (!CanWriteZeroes)
            throw NbdErrors.NotWritable(_endpoint, ReadOnly);
        RequireInside(offset, length);
        if (((offset | length) & (BlockSizes.Minimum - 1)) != 0)
            throw NbdErrors.RangeMisaligned(_endpoint, offset, length, BlockSizes.Minimum);
        for (long end = offset + length; offset < end; offset += NbdLimits.MaxWriteZeroes)
            await _link.RunAsync(new NbdWriteZeroesRequest(_endpoint, offset, (uint)Math.Min(end - offset, NbdLimits.MaxWriteZeroes)), cancellation);
    }

    public ValueTask DisposeAsync() => _link.DisposeAsync();

    private async ValueTask ReadInPiecesAsync(long offset, Memory<byte> buffer, int longest, CancellationToken cancellation)
    {
        var pieces = new List<Task>(buffer.Length / longest + 1);
        for (long at = 0; at < buffer.Length; at += longest)
        {
            Memory<byte> piece = buffer.Slice((int)at, (int)Math.Min(longest, buffer.Length - at));
            pieces.Add(_link.RunAsync(new NbdReadRequest(_endpoint, offset + at, piece), cancellation));
        }

        // Waits for all of them, failed or not: the buffer goes back to its owner.
        await Task.WhenAll(pieces);
    }

    // The server takes only multiples of its minimum block size (at most 64 KiB): reads around what is wanted.
    private async ValueTask ReadWidenedAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        (long start, long end) = Widen(offset, offset + buffer.Length);
        long step = Math.Min(BlockSizes.LongestRead, WidenedRead);
        byte[] block = new byte[Math.Min(end - start, step)];
        for (; start < end; start += step)
        {
            Memory<byte> piece = block.AsMemory(0, (int)Math.Min(step, end - start));
            await _link.RunAsync(new NbdReadRequest(_endpoint, start, piece), cancellation);
            long from = Math.Max(start, offset);
            long until = Math.Min(start + piece.Length, offset + buffer.Length);
            piece[(int)(from - start)..(int)(until - start)].CopyTo(buffer[(int)(from - offset)..]);
        }
    }

    private (long Start, long End) Widen(long start, long end)
    {
        long mask = BlockSizes.Minimum - 1;
        long widened = end > long.MaxValue - mask ? Length : (end + mask) & ~mask;
        return (start & ~mask, Math.Min(widened, Length));
    }

    /// <summary>The extents of each reply, cut to what is wanted, until the range is covered.</summary>
    private async IAsyncEnumerable<List<NbdStatusExtent>> StatusRepliesAsync(
        string name, long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        RequireInside(offset, length);
        NbdContext context = _agreed.Contexts.FirstOrDefault(granted => granted.Name == name)
            ?? throw NbdErrors.ContextNotGranted(_endpoint, name, Contexts);
        long end = offset + length;
        while (offset < end)
        {
            (long start, long until) = Widen(offset, end);
            var request = new NbdStatusRequest(
                _endpoint, start, (uint)Math.Min(until - start, NbdLimits.MaxStatusLength), context, _agreed.Contexts);
            await _link.RunAsync(request, cancellation);
            long told = request.Extents[^1].End;
            if (told <= offset)
                throw NbdErrors.Violation(_endpoint, $"the block status from offset {start} on ends at {told} and so tells nothing new");
            Cut(request.Extents, offset, end);
            yield return request.Extents;
            offset = told;
        }
    }

    // What was asked for is widened to whole blocks, and the last extent may pass the end of the request.
    private static void Cut(List<NbdStatusExtent> extents, long start, long end)
    {
        extents.RemoveAll(extent => extent.End <= start || extent.Offset >= end);
        extents[0] = new NbdStatusExtent(start, extents[0].End - start, extents[0].Flags);
        extents[^1] = extents[^1] with { Length = Math.Min(extents[^1].End, end) - extents[^1].Offset };
    }

    private void RequireInside(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length || length > Length - offset)
            throw NbdErrors.RangeOutside(_endpoint, offset, length, Length);
    }
}
