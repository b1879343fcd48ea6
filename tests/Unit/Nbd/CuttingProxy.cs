using System.Net.Sockets;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Stands between a client and a real server, and hangs up on both, or changes a byte, after a number of the server's bytes.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _server;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private long _bytes;

    public CuttingProxy(string path, string server)
    {
        Address = new UnixNbdAddress(path);
        _server = server;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
    }

    public NbdAddress Address { get; }

    /// <summary>Whether the byte at the place is changed, and the end comes behind what was sent with it.</summary>
    public bool Tamper { get; set; }

    /// <summary>The server's bytes that went through.</summary>
    public long Passed { get; private set; }

    /// <summary>Takes one connection.</summary>
    public void Begin(long bytes)
    {
        _bytes = bytes;
        Passed = 0;
        _running = Task.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        try
        {
            await _running;
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // That is what it is for.
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using Socket client = await _listener.AcceptAsync(_stop.Token);
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await server.ConnectAsync(new UnixDomainSocketEndPoint(_server), _stop.Token);
        Task up = PumpUpAsync(client, server);
        byte[] buffer = new byte[16384];
        while (await server.ReceiveAsync(buffer, _stop.Token) is > 0 and int count)
        {
            long until = _bytes - Passed;
            if (until < count && !Tamper)
            {
                await client.SendAsync(buffer.AsMemory(0, (int)until));
                break;
            }

            bool here = until < count;
            if (here)
                buffer[until] ^= 0x40;
            await client.SendAsync(buffer.AsMemory(0, count));
            Passed += count;
            // What was changed may promise bytes that never come.
            if (here)
                break;
        }

        client.Shutdown(SocketShutdown.Both);
        server.Shutdown(SocketShutdown.Both);
        await up;
    }

    private static async Task PumpUpAsync(Socket client, Socket server)
    {
        byte[] buffer = new byte[16384];
        try
        {
            while (await client.ReceiveAsync(buffer) is > 0 and int count)
                await server.SendAsync(buffer.AsMemory(0, count));
            server.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One of the two has hung up.
        }
    }
}
