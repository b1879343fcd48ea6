using System.Net.Sockets;

namespace MomentTools.Tests.Nbd;

/// <summary>A bare NBD writer: it dirties sectors for the tests of bitmaps. It speaks the oldest way in, with simple replies.</summary>
internal sealed class ZeroWriter : IAsyncDisposable
{
    private readonly NetworkStream _stream;

    private ZeroWriter(NetworkStream stream) => _stream = stream;

    public static async Task<ZeroWriter> ConnectAsync(string socketPath, string exportName)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
        var stream = new NetworkStream(socket, ownsSocket: true);
        await stream.ReadExactlyAsync(new byte[18]);
        await stream.WriteAsync(new Wire().U32(3).Text("IHAVEOPT").U32(1).U32((uint)exportName.Length).Text(exportName).ToArray());
        await stream.ReadExactlyAsync(new byte[10]);
        return new ZeroWriter(stream);
    }

    public async Task WriteEveryOtherSectorAsync(int count)
    {
        const int Batch = 16;
        byte[] replies = new byte[Batch * 16];
        for (int at = 0; at < count; at += Batch)
        {
            var requests = new Wire();
            for (int one = at; one < at + Batch; one++)
                requests.U32(0x25609513).U16(0).U16(6).U64(1).U64((ulong)one * 1024).U32(512);
            await _stream.WriteAsync(requests.ToArray());
            await _stream.ReadExactlyAsync(replies);
            for (int reply = 0; reply < Batch; reply++)
                Assert.Equal(0, BitConverter.ToInt32(replies, reply * 16 + 4));
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}
