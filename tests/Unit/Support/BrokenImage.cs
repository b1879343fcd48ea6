using System.Buffers.Binary;

namespace MomentTools.Tests.Support;

/// <summary>qcow2 images with one wrong number in their tables, as a failing disk leaves them: QEMU opens them, and finds out later.</summary>
internal static class BrokenImage
{
    private const int ClusterBitsAt = 20, FirstTableAt = 40, RefcountTableAt = 48;
    private const int Entry = sizeof(long);
    private const ulong Address = 0x00ff_ffff_ffff_fe00;
    private const int Sector = 512;

    /// <summary>Makes the cluster of a guest offset one that cannot be read: its address is not that of a cluster.</summary>
    public static void MakeUnreadable(string path, long offset)
    {
        using FileStream file = Open(path);
        long at = EntryOf(file, offset);
        Write(file, at, Read(file, at) | Sector);
    }

    /// <summary>Makes the cluster of a guest offset count as free although the image uses it.</summary>
    public static void MakeUncounted(string path, long offset)
    {
        using FileStream file = Open(path);
        int bits = ClusterBits(file);
        long cluster = (long)(Read(file, EntryOf(file, offset)) & Address) >> bits;
        // Sixteen bits for each.
        long perBlock = 1L << (bits - 1);
        long block = (long)(Read(file, (long)(Read(file, RefcountTableAt) + (ulong)(cluster / perBlock * Entry))) & Address);
        file.Position = block + cluster % perBlock * sizeof(ushort);
        file.Write([0, 0]);
    }

    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    private static int ClusterBits(FileStream file) => (int)(Read(file, ClusterBitsAt) >> 32);

    private static long EntryOf(FileStream file, long offset)
    {
        int bits = ClusterBits(file);
        long cluster = offset >> bits, perTable = 1L << (bits - 3);
        long second = (long)(Read(file, (long)Read(file, FirstTableAt) + cluster / perTable * Entry) & Address);
        Assert.NotEqual(0, second);
        long at = second + cluster % perTable * Entry;
        Assert.NotEqual(0UL, Read(file, at) & Address);
        return at;
    }

    private static ulong Read(FileStream file, long at)
    {
        byte[] bytes = new byte[Entry];
        file.Position = at;
        file.ReadExactly(bytes);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    private static void Write(FileStream file, long at, ulong value)
    {
        byte[] bytes = new byte[Entry];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        file.Position = at;
        file.Write(bytes);
    }
}
