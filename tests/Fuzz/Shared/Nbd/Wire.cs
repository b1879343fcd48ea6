using System.Buffers.Binary;
using System.Text;

namespace MomentTools.Tests.Nbd;

/// <summary>Builds big-endian messages byte by byte, from the protocol's document and not from the client's code.</summary>
internal sealed class Wire
{
    private readonly List<byte> _bytes = [];

    public static Wire Greeting(ushort flags = 3) => new Wire().Text("NBDMAGIC").Text("IHAVEOPT").U16(flags);

    public static Wire OptionReply(uint option, uint type, byte[] payload) =>
        new Wire().U64(0x3e889045565a9).U32(option).U32(type).U32((uint)payload.Length).Raw(payload);

    public static Wire Chunk(ulong cookie, ushort type, bool done, byte[] payload) =>
        new Wire().U32(0x668e33ef).U16(done ? (ushort)1 : (ushort)0).U16(type).U64(cookie).U32((uint)payload.Length).Raw(payload);

    public static Wire Simple(ulong cookie, uint error, byte[]? payload = null) =>
        new Wire().U32(0x67446698).U32(error).U64(cookie).Raw(payload ?? []);

    public static Wire Data(ulong cookie, ulong offset, byte[] data, bool done) => Chunk(cookie, 1, done, new Wire().U64(offset).Raw(data).ToArray());

    public static Wire Hole(ulong cookie, ulong offset, uint length, bool done) => Chunk(cookie, 2, done, new Wire().U64(offset).U32(length).ToArray());

    public static Wire Done(ulong cookie) => Chunk(cookie, 0, done: true, []);

    public static Wire Status(ulong cookie, uint context, bool done, params (uint Length, uint Flags)[] extents)
    {
        Wire payload = new Wire().U32(context);
        foreach ((uint length, uint flags) in extents)
            payload.U32(length).U32(flags);
        return Chunk(cookie, 5, done, payload.ToArray());
    }

    public static Wire Error(ulong cookie, uint number, string words, bool done) =>
        Chunk(cookie, 0x8001, done, new Wire().U32(number).U16((ushort)Encoding.UTF8.GetByteCount(words)).Text(words).ToArray());

    public static Wire ErrorAt(ulong cookie, uint number, ulong offset, bool done) =>
        Chunk(cookie, 0x8002, done, new Wire().U32(number).U16(0).U64(offset).ToArray());

    public Wire U16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return Raw(bytes);
    }

    public Wire U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return Raw(bytes);
    }

    public Wire U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return Raw(bytes);
    }

    public Wire Text(string text) => Raw(Encoding.UTF8.GetBytes(text));

    public Wire Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public byte[] ToArray() => [.. _bytes];
}
