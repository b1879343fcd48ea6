using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>
/// Turns a bitmap's data into extents of the disk, a word at a time. Bit n is bit n % 8 of byte n / 8 and stands for
/// [n * granularity, (n + 1) * granularity), cut at the disk's end (specification: "Bitmaps").
/// </summary>
internal sealed class DirtyBitScanner(int granularityBits, long size)
{
    private const int WordBits = 64;

    private readonly ExtentMapBuilder _extents = new();
    private readonly long _totalBits = CountBits(granularityBits, size);
    private long _bit;

    /// <summary>The number of bits that a disk of <paramref name="size"/> bytes needs.</summary>
    public static long CountBits(int granularityBits, long size) => (size >> granularityBits) + ((size & ((1L << granularityBits) - 1)) == 0 ? 0 : 1);

    /// <summary>The next run of bits, all alike.</summary>
    public void AddRun(long bits, bool dirty)
    {
        if (dirty)
            AddDirty(_bit, Math.Min(_bit + bits, _totalBits));
        _bit += bits;
    }

    /// <summary>The next bits from a bitmap's data; a multiple of eight bytes.</summary>
    public void Add(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        while (!words.IsEmpty)
        {
            ulong first = words[0];
            if (first is 0 or ulong.MaxValue)
            {
                int alike = words.IndexOfAnyExcept(first);
                alike = alike < 0 ? words.Length : alike;
                AddRun((long)alike * WordBits, dirty: first != 0);
                words = words[alike..];
                continue;
            }

            AddWord(BitConverter.IsLittleEndian ? first : BinaryPrimitives.ReverseEndianness(first));
            words = words[1..];
        }
    }

    public ExtentMap Build() => _extents.Build();

    private void AddWord(ulong word)
    {
        for (int at = 0; word != 0;)
        {
            int clear = BitOperations.TrailingZeroCount(word);
            at += clear;
            word >>= clear;
            int set = BitOperations.TrailingZeroCount(~word);
            AddDirty(_bit + at, Math.Min(_bit + at + set, _totalBits));
            at += set;
            word = set == WordBits ? 0 : word >> set;
        }

        _bit += WordBits;
    }

    private void AddDirty(long first, long end)
    {
        if (first >= end)
            return;
        long offset = first << granularityBits;
        // The last bit may stand for more than is left of the disk.
        long length = end == _totalBits ? size - offset : (end - first) << granularityBits;
        _extents.Add(offset, length);
    }
}
