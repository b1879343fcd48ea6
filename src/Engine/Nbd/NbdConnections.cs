using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Nbd;

/// <summary>
/// Several connections to one export, with the reads and writes spread over them. Only where the server says that all connections
/// show the same bytes (NBD_FLAG_CAN_MULTI_CONN); otherwise it is one. One that breaks is not replaced: what it held fails, and so does
/// every flush after it.
/// </summary>
internal sealed class NbdConnections : IBlockReader, IBlockWriter
{
    // Below this a read is not worth cutting up.
    private const int SmallestShare = 1 << 20;

    // Further connections are a gain in speed only: a server that has no room for them accepts and says nothing.
    private static readonly TimeSpan FurtherPatience = TimeSpan.FromSeconds(2);

    private readonly NbdClient[] _clients;

    private NbdConnections(NbdClient[] clients, MomentException? shortfall)
    {
        _clients = clients;
        Shortfall = shortfall;
    }

    public long Length => First.Length;

    public int Alignment => First.Alignment;

    /// <summary>The first connection, for what is asked once: contexts, bitmaps, flags.</summary>
    public NbdClient First => _clients[0];

    /// <summary>The number of connections that stand.</summary>
    public int Count => _clients.Length;

    /// <summary>Why there are fewer connections than the server allows, or null.</summary>
    public MomentException? Shortfall { get; }

    /// <summary>Connects up to <paramref name="count"/> times.</summary>
    public static async Task<NbdConnections> ConnectAsync(NbdAddress address, string exportName, IReadOnlyList<string> contexts, int count,
        CancellationToken cancellation, NbdOptions? options = null)
    {
        options ??= NbdOptions.Default;
        NbdClient first = await NbdClient.ConnectAsync(address, exportName, contexts, cancellation, options);
        if (!first.CanMultiConnect || count <= 1)
            return new NbdConnections([first], null);

        NbdOptions further = options with
        {
            HandshakeTimeout = options.HandshakeTimeout < FurtherPatience ? options.HandshakeTimeout : FurtherPatience,
        };
        Task<NbdClient>[] attempts = [.. Enumerable.Range(1, count - 1).Select(_ => NbdClient.ConnectAsync(address, exportName, [], cancellation, further))];
        await ((Task)Task.WhenAll(attempts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        NbdClient[] clients = [first, .. attempts.Where(attempt => attempt.IsCompletedSuccessfully).Select(attempt => attempt.Result)];
        Exception? failure = attempts.Select(attempt => attempt.Exception?.InnerException).FirstOrDefault(error => error is not null);
        var connections = new NbdConnections(clients, failure as MomentException);
        Exception? unusable = cancellation.IsCancellationRequested ? new OperationCanceledException(cancellation)
            : failure is not null and not MomentException ? failure
            : clients.Any(client => client.Length != first.Length)
                ? NbdErrors.Violation(new NbdEndpoint(address.ToString(), exportName), "two connections to one export see different sizes")
            : null;
        if (unusable is null)
            return connections;
        await connections.DisposeAsync();
        throw unusable;
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        long share = Math.Max(SmallestShare, (buffer.Length + Count - 1L) / Count);
        share += -share & (SmallestShare - 1);
        if (buffer.Length <= share)
        {
            await Idlest().ReadAsync(offset, buffer, cancellation);
            return;
        }

        var shares = new List<Task>(Count);
        int turn = 0;
        for (long at = 0; at < buffer.Length; at += share)
        {
            Memory<byte> piece = buffer.Slice((int)at, (int)Math.Min(share, buffer.Length - at));
            shares.Add(_clients[turn++].ReadAsync(offset + at, piece, cancellation).AsTask());
        }

        await Task.WhenAll(shares);
    }

    public IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, CancellationToken cancellation) =>
        First.StatusAsync(offset, length, cancellation);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation) => Idlest().WriteAsync(offset, data, cancellation);

    public ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation) => Idlest().ZeroAsync(offset, length, cancellation);

    /// <summary>
    /// Flushes each connection. By NBD_FLAG_CAN_MULTI_CONN one would do for all; but a connection that broke may have lost writes, and
    /// then the flush must not succeed.
    /// </summary>
    public Task FlushAsync(CancellationToken cancellation) => Task.WhenAll(_clients.Select(client => client.FlushAsync(cancellation)));

    public async ValueTask DisposeAsync() => await Task.WhenAll(_clients.Select(client => client.DisposeAsync().AsTask()));

    private NbdClient Idlest()
    {
        NbdClient idlest = First;
        int fewest = idlest.InFlight;
        for (int at = 1; at < _clients.Length && fewest > 0; at++)
        {
            int inFlight = _clients[at].InFlight;
            if (inFlight < fewest)
                (idlest, fewest) = (_clients[at], inFlight);
        }

        return idlest;
    }
}
