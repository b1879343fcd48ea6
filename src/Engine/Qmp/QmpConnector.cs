using System.Net.Sockets;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>Opens the socket behind a monitor's address.</summary>
internal static class QmpConnector
{
    // socket(7) and unix(7): the credentials of the peer are three numbers, the first of which is its process.
    private const int SolSocket = 1;
    private const int SoPeercred = 17;

    public static async Task<Stream> OpenAsync(QmpAddress address, TimeSpan timeout, CancellationToken cancellation)
    {
        string name = address.ToString();
        Socket socket = address is UnixQmpAddress
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            await ConnectAsync(socket, address, limit.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception failure)
        {
            socket.Dispose();
            cancellation.ThrowIfCancellationRequested();
            throw Explain(failure, address, name, timeout);
        }
    }

    /// <summary>The process at the other end of a Unix socket; null for other streams, and where it is in another namespace.</summary>
    public static int? PeerOf(Stream stream)
    {
        if (stream is not NetworkStream { Socket: { AddressFamily: AddressFamily.Unix } socket })
            return null;
        Span<byte> credentials = stackalloc byte[12];
        try
        {
            socket.GetRawSocketOption(SolSocket, SoPeercred, credentials);
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            return null;
        }

        return BitConverter.ToInt32(credentials) is > 0 and var process ? process : null;
    }

    private static ValueTask ConnectAsync(Socket socket, QmpAddress address, CancellationToken cancellation) => address switch
    {
        UnixQmpAddress unix => socket.ConnectAsync(new UnixDomainSocketEndPoint(unix.Path), cancellation),
        TcpQmpAddress tcp => socket.ConnectAsync(tcp.Host, tcp.Port, cancellation),
        _ => throw new InvalidOperationException($"No socket is known for {address.GetType().Name}."),
    };

    private static MomentException Explain(Exception failure, QmpAddress address, string name, TimeSpan timeout) => failure switch
    {
        // A Unix socket whose short queue is full neither takes nor refuses: others are waiting there for the monitor.
        OperationCanceledException or SocketException { SocketErrorCode: SocketError.WouldBlock } when address is UnixQmpAddress => QmpErrors.Busy(name, failure),
        OperationCanceledException => QmpErrors.Unreachable(name, new TimeoutException($"no connection within {timeout.TotalSeconds:0.###} s", failure)),
        SocketException { SocketErrorCode: SocketError.AccessDenied } => QmpErrors.AccessDenied(name, failure),
        // .NET has no name for ENOENT among socket errors and reports another one.
        SocketException when address is UnixQmpAddress unix && !File.Exists(unix.Path) => QmpErrors.SocketMissing(name, failure),
        _ => QmpErrors.Unreachable(name, failure),
    };
}
