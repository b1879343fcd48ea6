using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace MomentTools.Bench;

/// <summary>Writes small blocks into an export as a guest with a queue does: several requests are always under way.</summary>
internal sealed class NbdWriter : IDisposable
{
    public const int BlockSize = 4096;
    private const int Depth = 16;
    private const int HeaderSize = 28;
    private const int ReplySize = 16;
    private readonly Socket _socket;

    private NbdWriter(Socket socket) => _socket = socket;

    public static async Task<NbdWriter> ConnectAsync(string path, string export, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
        var writer = new NbdWriter(socket);
        await writer.ReadAsync(new byte[18], cancellation);
        // NBD_FLAG_C_FIXED_NEWSTYLE and NBD_FLAG_C_NO_ZEROES, then NBD_OPT_EXPORT_NAME.
        byte[] hello = new byte[20 + export.Length];
        BinaryPrimitives.WriteUInt32BigEndian(hello, 3);
        "IHAVEOPT"u8.CopyTo(hello.AsSpan(4));
        BinaryPrimitives.WriteUInt32BigEndian(hello.AsSpan(12), 1);
        BinaryPrimitives.WriteUInt32BigEndian(hello.AsSpan(16), (uint)export.Length);
        Encoding.ASCII.GetBytes(export, hello.AsSpan(20));
        await socket.SendAsync(hello, cancellation);
        await writer.ReadAsync(new byte[10], cancellation);
        return writer;
    }

    /// <summary>Writes blocks at places that the seed makes.</summary>
    public async Task WriteAsync(int count, long size, int seed, CancellationToken cancellation)
    {
        var random = new Random(seed);
        byte[] request = new byte[HeaderSize + BlockSize], replies = new byte[ReplySize * Depth];
        random.NextBytes(request);
        int sent = 0, answered = 0, left = 0;
        while (answered < count)
        {
            for (; sent < count && sent - answered < Depth; sent++)
            {
                // NBD_CMD_WRITE
                BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
                BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(4), 1);
                BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(8), sent);
                BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(16), random.NextInt64(size / BlockSize) * BlockSize);
                BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), BlockSize);
                await _socket.SendAsync(request, cancellation);
            }

            left += await _socket.ReceiveAsync(replies.AsMemory(left), cancellation);
            int whole = left / ReplySize;
            for (int reply = 0; reply < whole; reply++)
                if (BinaryPrimitives.ReadUInt32BigEndian(replies.AsSpan((reply * ReplySize) + 4)) is > 0 and var error)
                    throw new InvalidOperationException($"A write failed with {error}.");
            replies.AsSpan(whole * ReplySize, left - (whole * ReplySize)).CopyTo(replies);
            answered += whole;
            left -= whole * ReplySize;
        }
    }

    /// <summary>Writes one block, and waits for it.</summary>
    public async Task WriteAtAsync(long offset, CancellationToken cancellation)
    {
        byte[] request = Request(1, offset, BlockSize, BlockSize);
        await _socket.SendAsync(request, cancellation);
        await AnswerAsync(cancellation);
    }

    /// <summary>Reads a piece, and waits for it.</summary>
    public async Task ReadAtAsync(long offset, byte[] buffer, CancellationToken cancellation)
    {
        await _socket.SendAsync(Request(0, offset, buffer.Length, 0), cancellation);
        await AnswerAsync(cancellation);
        await ReadAsync(buffer, cancellation);
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Request(ushort command, long offset, int length, int payload)
    {
        byte[] request = new byte[HeaderSize + payload];
        BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), command);
        BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), (uint)length);
        return request;
    }

    private async Task AnswerAsync(CancellationToken cancellation)
    {
        byte[] reply = new byte[ReplySize];
        await ReadAsync(reply, cancellation);
        if (BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4)) is > 0 and var error)
            throw new InvalidOperationException($"A request failed with {error}.");
    }

    private async Task ReadAsync(byte[] buffer, CancellationToken cancellation)
    {
        for (int at = 0; at < buffer.Length;)
            at += await _socket.ReceiveAsync(buffer.AsMemory(at), cancellation) is > 0 and var read ? read : throw new InvalidOperationException("The export hung up.");
    }
}
