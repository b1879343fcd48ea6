using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace MomentTools.Qcow2;

/// <summary>Numbers as the format stores them: all big-endian.</summary>
internal static class BigEndian
{
    public static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);

    public static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    public static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);

    public static void Copy(ReadOnlySpan<byte> bytes, Span<ulong> numbers)
    {
        ReadOnlySpan<ulong> raw = MemoryMarshal.Cast<byte, ulong>(bytes);
        if (BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(raw, numbers);
        else
            raw.CopyTo(numbers);
    }
}
