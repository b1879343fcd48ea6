using MomentTools.Blocks;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>One connection to one export of an NBD server, for reading and writing. Safe to use from many tasks at once.</summary>
internal sealed class NbdClient : IBlockReader, IBlockWriter
{
    private readonly NbdLink _link;
    private readonly NbdNegotiated _agreed;
    private readonly NbdReads _reads;
    private readonly NbdStatuses _statuses;
    private readonly NbdWrites _writes;

    private NbdClient(NbdStream stream, NbdNegotiated agreed, NbdOptions options)
    {
        _agreed = agreed;
        Contexts = [.. agreed.Contexts.Select(context => context.Name)];
        _link = new NbdLink(stream, agreed.StructuredReplies, CanWrite, options);
        var session = new NbdSession(_link, agreed, stream.Endpoint);
        _reads = new NbdReads(session);
        _statuses = new NbdStatuses(session, Contexts);
        _writes = new NbdWrites(session);
    }

    public long Length => _agreed.Length;

    public bool ReadOnly => _agreed.Flags.HasFlag(ExportFlags.ReadOnly);

    public bool CanWrite => !ReadOnly;

    /// <summary>NBD_FLAG_CAN_MULTI_CONN: all connections to the export show the same bytes, and a flush on one is a flush of all.</summary>
    public bool CanMultiConnect => _agreed.Flags.HasFlag(ExportFlags.CanMultiConn);

    public bool CanFlush => _agreed.Flags.HasFlag(ExportFlags.SendFlush);

    /// <summary>Whether zeroes can be written: the export is writable and the server offers it (NBD_FLAG_SEND_WRITE_ZEROES).</summary>
    public bool CanWriteZeroes => CanWrite && _agreed.Flags.HasFlag(ExportFlags.SendWriteZeroes);

    public bool CanTrim => CanWrite && _agreed.Flags.HasFlag(ExportFlags.SendTrim);

    public NbdBlockSizes BlockSizes => _agreed.BlockSizes;

    public int Alignment => (int)BlockSizes.Minimum;

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

    /// <summary>Connects to the export that a URI names, with TLS where it demands that.</summary>
    public static Task<NbdClient> ConnectAsync(NbdUri uri, IReadOnlyList<string> contexts, CancellationToken cancellation, NbdOptions? options = null) =>
        ConnectAsync(uri.Address, uri.ExportName, contexts, cancellation, uri.Options(options ?? NbdOptions.Default));

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

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation) => _reads.ReadAsync(offset, buffer, cancellation);

    /// <summary>The runs of [offset, offset + length) by their flags in a granted context: no gaps, neighbours joined.</summary>
    public IAsyncEnumerable<NbdStatusExtent> BlockStatusAsync(string context, long offset, long length, CancellationToken cancellation) =>
        _statuses.BlockStatusAsync(context, offset, length, cancellation);

    /// <summary>The bytes of the whole disk that a bitmap context (<c>qemu:dirty-bitmap:NAME</c>) marks as changed.</summary>
    public Task<ExtentMap> ReadDirtyBitmapAsync(string context, CancellationToken cancellation) => _statuses.ReadDirtyBitmapAsync(context, cancellation);

    /// <summary>Adds the runs of [offset, offset + length) that have a flag in a granted context: <see cref="BlockStatusAsync"/> for hundreds of thousands of them.</summary>
    public Task ReadFlaggedAsync(string context, uint flag, long offset, long length, ExtentMapBuilder flagged, CancellationToken cancellation) =>
        _statuses.ReadFlaggedAsync(context, flag, offset, length, flagged, cancellation);

    /// <summary>
    /// From base:allocation. Runs that read as zeroes are <see cref="BlockKind.Zero"/>, stored or not: an export shows the
    /// whole chain, so nothing beneath can show through. Without that context everything is data.
    /// </summary>
    public IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, CancellationToken cancellation) =>
        _statuses.StatusAsync(offset, length, cancellation);

    /// <summary>Writes whole blocks of the server (NBD_CMD_WRITE).</summary>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation) =>
        new(_writes.WriteAsync(offset, data, durable: false, cancellation));

    /// <summary>Writes whole blocks that are on stable storage afterwards: NBD_CMD_FLAG_FUA, or a flush where the server has none.</summary>
    public Task WriteDurablyAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation) =>
        _writes.WriteAsync(offset, data, durable: true, cancellation);

    /// <summary>Makes [offset, offset + length) read as zeroes by what the server has: as a hole if it likes, else by writing them.</summary>
    public ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation) => new(_writes.ZeroAsync(offset, length, cancellation));

    /// <summary>The same, only if that is faster than writing zeroes (NBD_CMD_FLAG_FAST_ZERO); false if it is not, or the server cannot tell.</summary>
    public Task<bool> TryZeroFastAsync(long offset, long length, CancellationToken cancellation) =>
        _writes.TryZeroFastAsync(offset, length, cancellation);

    /// <summary>
    /// Makes [offset, offset + length) read as zeroes, as a write and not as a hole (NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE): a bitmap
    /// that records marks it. Whole blocks of the server only.
    /// </summary>
    public Task WriteZeroesAsync(long offset, long length, CancellationToken cancellation) =>
        _writes.WriteZeroesAsync(offset, length, CommandFlags.NoHole, cancellation);

    /// <summary>Tells the server that a range is no longer needed (NBD_CMD_TRIM); what it reads as afterwards is not said.</summary>
    public Task TrimAsync(long offset, long length, CancellationToken cancellation) => _writes.TrimAsync(offset, length, cancellation);

    /// <summary>Brings all acknowledged writes to stable storage, those of a guest too (NBD_CMD_FLUSH); read-only exports allow it.</summary>
    public Task FlushAsync(CancellationToken cancellation) => _writes.FlushAsync(cancellation);

    public ValueTask DisposeAsync() => _link.DisposeAsync();
}
