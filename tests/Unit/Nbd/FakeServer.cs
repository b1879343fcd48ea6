using System.Buffers.Binary;
using System.Net.Sockets;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>A server on a unix socket that says exactly what a test tells it to: the wire is fake, the client is not.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly ScratchDirectory _scratch = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private NetworkStream? _stream;
    private Task _script = Task.CompletedTask;

    public FakeServer()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(_scratch["n"]));
        _listener.Listen();
    }

    public ulong Size { get; init; } = 1 << 20;

    /// <summary>HAS_FLAGS, READ_ONLY, SEND_FLUSH, CAN_MULTI_CONN.</summary>
    public ushort Flags { get; init; } = 0x107;

    public bool Structured { get; init; } = true;

    /// <summary>Minimum, preferred and maximum block size, or null to tell none.</summary>
    public (uint Minimum, uint Preferred, uint Maximum)? BlockSizes { get; init; }

    public NbdAddress Address => new UnixNbdAddress(_scratch["n"]);

    public NetworkStream Stream => _stream!;

    /// <summary>The options that the client sent, in order.</summary>
    public List<uint> OptionsSeen { get; } = [];

    /// <summary>Connects the client while the fake negotiates, then runs the script.</summary>
    public async Task<NbdClient> ConnectAsync(Func<FakeServer, Task> script, NbdOptions? options = null, params string[] contexts)
    {
        _script = RunAsync(async server =>
        {
            await server.NegotiateAsync();
            await script(server);
            while ((await server.ReadRequestAsync()).Command != 2)
            {
                // Leaves unanswered what the script did not foresee, and hangs up when it is told goodbye.
            }

            server.Stream.Dispose();
        });
        return await NbdClient.ConnectAsync(Address, "x", contexts, Limit(), options);
    }

    /// <summary>Connects the client to a fake that does nothing but the script.</summary>
    public async Task<NbdClient> ConnectRawAsync(Func<FakeServer, Task> script, NbdOptions? options = null, params string[] contexts)
    {
        _script = RunAsync(script);
        return await NbdClient.ConnectAsync(Address, "x", contexts, Limit(), options);
    }

    public Task RunAsync(Func<FakeServer, Task> script) => Task.Run(async () =>
    {
        _stream = new NetworkStream(await _listener.AcceptAsync(), ownsSocket: true);
        try
        {
            await script(this);
        }
        catch
        {
            // So that the client need not wait for what will not come.
            _stream.Dispose();
            throw;
        }
    });

    /// <summary>A fake of the next connection to this one's socket.</summary>
    public async Task<FakeServer> AcceptAsync(CancellationToken cancellation) => new()
    {
        Size = Size, Flags = Flags, Structured = Structured, BlockSizes = BlockSizes,
        _stream = new NetworkStream(await _listener.AcceptAsync(cancellation), ownsSocket: true),
    };

    public async Task NegotiateAsync()
    {
        await SendAsync(Wire.Greeting());
        await ReadAsync(4);
        while (true)
        {
            (uint option, byte[] data) = await ReadOptionAsync();
            switch (option)
            {
                case 8:
                    await SendAsync(Wire.OptionReply(8, Structured ? 1 : 0x80000001, []));
                    break;
                case 10:
                    await GrantContextsAsync(data);
                    break;
                case 7:
                    await SendAsync(Wire.OptionReply(7, 3, new Wire().U16(0).U64(Size).U16(Flags).ToArray()));
                    if (BlockSizes is var (minimum, preferred, maximum))
                        await SendAsync(Wire.OptionReply(7, 3, new Wire().U16(3).U32(minimum).U32(preferred).U32(maximum).ToArray()));
                    await SendAsync(Wire.OptionReply(7, 1, []));
                    return;
            }
        }
    }

    public async Task<(uint Option, byte[] Data)> ReadOptionAsync()
    {
        byte[] header = await ReadAsync(16);
        Assert.Equal(0x49484156454F5054ul, BinaryPrimitives.ReadUInt64BigEndian(header));
        uint option = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8));
        OptionsSeen.Add(option);
        return (option, await ReadAsync((int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12))));
    }

    public async Task<FakeRequest> ReadRequestAsync()
    {
        byte[] header = await ReadAsync(28);
        Assert.Equal(0x25609513u, BinaryPrimitives.ReadUInt32BigEndian(header));
        // NBD_CMD_WRITE brings its bytes with it.
        byte[] payload = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)) == 1
            ? await ReadAsync((int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24))) : [];
        return new FakeRequest(
            BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)),
            BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)),
            BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(16)),
            BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24)),
            BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(4)),
            payload);
    }

    public async Task<byte[]> ReadAsync(int count)
    {
        byte[] bytes = new byte[count];
        await Stream.ReadExactlyAsync(bytes, Limit());
        return bytes;
    }

    public async Task SendAsync(params Wire[] messages)
    {
        foreach (Wire message in messages)
            await Stream.WriteAsync(message.ToArray(), Limit());
    }

    public async ValueTask DisposeAsync()
    {
        _stream?.Dispose();
        _listener.Dispose();
        _scratch.Dispose();
        try
        {
            await _script;
        }
        catch (Exception failure) when (failure is IOException or SocketException or ObjectDisposedException)
        {
            // The client hung up first, as many of these tests want. A failed assertion of the script fails the test.
        }
    }

    /// <summary>A test that hangs fails.</summary>
    public static CancellationToken Limit() => new CancellationTokenSource(TimeSpan.FromMinutes(2)).Token;

    private async Task GrantContextsAsync(byte[] data)
    {
        int at = 4 + (int)BinaryPrimitives.ReadUInt32BigEndian(data);
        uint count = BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(at));
        at += 4;
        for (uint id = 1; id <= count; id++)
        {
            int length = (int)BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(at));
            await SendAsync(Wire.OptionReply(10, 4, new Wire().U32(id).Raw(data.AsSpan(at + 4, length)).ToArray()));
            at += 4 + length;
        }

        await SendAsync(Wire.OptionReply(10, 1, []));
    }
}

/// <summary>A request as the fake server saw it.</summary>
internal sealed record FakeRequest(ushort Command, ulong Cookie, ulong Offset, uint Length, ushort Flags, byte[] Payload);
