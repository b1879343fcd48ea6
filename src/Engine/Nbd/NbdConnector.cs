using System.Net.Sockets;

namespace MomentTools.Nbd;

/// <summary>Connects and negotiates, within one span of patience.</summary>
internal static class NbdConnector
{
    /// <summary>Connects to an address and runs a handshake; the stream is closed unless the handshake comes to its end.</summary>
    public static async Task<(NbdStream Stream, T Agreed)> OpenAsync<T>(
        NbdAddress address, string? exportName, Func<NbdHandshake, CancellationToken, Task<T>> handshake, NbdOptions options, CancellationToken cancellation)
    {
        var endpoint = new NbdEndpoint(address.ToString(), exportName);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(options.HandshakeTimeout);
        try
        {
            Stream stream = await ConnectAsync(address, patience.Token);
            string? host = options.Tls?.HostName ?? (address as TcpNbdAddress)?.Host;
            NbdOptions known = host is null || options.Tls is null ? options : options with { Tls = options.Tls with { HostName = host } };
            return await NegotiateAsync(stream, endpoint, handshake, known, patience.Token);
        }
        catch (SocketException failure) when (address is UnixNbdAddress unix && !File.Exists(unix.Path))
        {
            // .NET has no name for ENOENT among socket errors and reports another one.
            throw NbdErrors.SocketMissing(endpoint, failure);
        }
        catch (SocketException failure)
        {
            throw NbdErrors.ConnectFailed(endpoint, failure);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw NbdErrors.HandshakeTimedOut(endpoint, options.HandshakeTimeout);
        }
    }

    /// <summary>Runs a handshake on a connection that stands.</summary>
    public static async Task<(NbdStream Stream, T Agreed)> NegotiateAsync<T>(
        Stream connection, NbdEndpoint endpoint, Func<NbdHandshake, CancellationToken, Task<T>> handshake, NbdOptions options, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(options.HandshakeTimeout);
        var stream = new NbdStream(connection, endpoint);
        try
        {
            return (stream, await handshake(new NbdHandshake(stream, options.Tls), patience.Token));
        }
        catch (Exception failure)
        {
            await stream.DisposeAsync();
            if (stream is { Encrypted: true, Heard: false } && failure is IOException)
                throw NbdErrors.TlsEndedAtOnce(endpoint, failure);
            if (failure is IOException)
                throw NbdErrors.HungUpInHandshake(endpoint, failure);
            if (failure is OperationCanceledException && !cancellation.IsCancellationRequested)
                throw NbdErrors.HandshakeTimedOut(endpoint, options.HandshakeTimeout);
            throw;
        }
    }

    private static async Task<Stream> ConnectAsync(NbdAddress address, CancellationToken cancellation)
    {
        Socket socket = address is UnixNbdAddress
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (address is TcpNbdAddress tcp)
            {
                // A peer that lost its power never hangs up: the system finds out, also while no request waits.
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                await socket.ConnectAsync(tcp.Host, tcp.Port, cancellation);
            }
            else
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(((UnixNbdAddress)address).Path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
