using System.Text;

namespace MomentTools.Qcow2;

/// <summary>Reads the list of stored bitmaps (specification: "Bitmaps extension", "Bitmap directory"; limits are QEMU's).</summary>
internal sealed class BitmapDirectory(ImageFile file, Qcow2Header header)
{
    private const int ExtensionLength = 24;
    private const int FixedLength = 24;
    private const int MaximumBitmaps = 65535;
    private const long MaximumLength = 64 << 20;
    private const int MaximumName = 1023;
    private const int MinimumGranularityBits = 9;
    private const int MaximumGranularityBits = 31;
    private const byte DirtyTracking = 1;
    private const uint KnownFlags = 7;
    private const long MaximumStoredBytes = 512 << 20;

    public async Task<IReadOnlyList<Qcow2Bitmap>> ReadAsync(CancellationToken cancellation)
    {
        var bitmaps = new List<Qcow2Bitmap>();
        if (!header.BitmapsValid)
            return bitmaps;
        (int count, long offset, long length) = ReadExtension();
        var region = new RegionReader(file, "bitmap directory", offset, length);
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int at = 0; at < count; at++)
        {
            Qcow2Bitmap bitmap = await ReadEntryAsync(region, at, offset + length, cancellation);
            Require(names.Add(bitmap.Name), $"two entries are named '{bitmap.Name}'");
            bitmaps.Add(bitmap);
        }

        Require(region.Remaining == 0, $"{region.Remaining} bytes are left behind the last of its {count} entries");
        return bitmaps;
    }

    private (int Count, long Offset, long Length) ReadExtension()
    {
        ReadOnlySpan<byte> data = (header.Extension(Qcow2HeaderExtension.Bitmaps)?.Data ?? default).Span;
        Require(data.Length == ExtensionLength, "the header says there are bitmaps, but its bitmaps extension is missing or not 24 bytes long");
        uint count = BigEndian.U32(data, 0);
        ulong length = BigEndian.U64(data, 8);
        ulong offset = BigEndian.U64(data, 16);
        Require(count is >= 1 and <= MaximumBitmaps, $"it counts {count} bitmaps");
        Require(BigEndian.U32(data, 4) == 0, "reserved bytes of the bitmaps extension are not zero");
        Require(length >= (ulong)count * FixedLength && length <= MaximumLength, $"it is said to be {length} bytes long");
        Require(offset <= long.MaxValue && offset % (ulong)header.ClusterSize == 0, $"it is said to lie at offset 0x{offset:x}");
        if (!file.Holds((long)offset, (long)length))
            throw Qcow2Errors.Truncated(file.Path, "bitmap directory", (long)offset, (long)length, file.Length);
        return ((int)count, (long)offset, (long)length);
    }

    private async Task<Qcow2Bitmap> ReadEntryAsync(RegionReader region, int number, long end, CancellationToken cancellation)
    {
        long entryOffset = end - region.Remaining;
        Require(region.Remaining >= FixedLength, $"entry {number} reaches behind its end");
        ReadOnlyMemory<byte> head = (await region.TakeAsync(FixedLength, cancellation)).ToArray();
        int nameLength = BigEndian.U16(head.Span, 18);
        uint extraLength = BigEndian.U32(head.Span, 20);
        Require(nameLength is >= 1 and <= MaximumName, $"entry {number} has a name of {nameLength} bytes");
        long padded = (FixedLength + extraLength + nameLength + 7L) & ~7L;
        Require(padded - FixedLength <= region.Remaining, $"entry {number} reaches behind its end");
        region.Skip(extraLength);
        string name = Encoding.UTF8.GetString((await region.TakeAsync(nameLength, cancellation)).Span);
        // For QEMU the name ends there, so that it would be another bitmap's.
        Require(!name.Contains('\0', StringComparison.Ordinal), $"entry {number} has a zero byte in its name");
        region.Skip(padded - FixedLength - extraLength - nameLength);
        return Parse(name, head.Span, (int)extraLength, entryOffset);
    }

    private Qcow2Bitmap Parse(string name, ReadOnlySpan<byte> head, int extraLength, long entryOffset)
    {
        ulong tableOffset = BigEndian.U64(head, 0);
        uint tableSize = BigEndian.U32(head, 8);
        uint flags = BigEndian.U32(head, 12);
        byte granularityBits = head[17];
        Require(head[16] == DirtyTracking, $"'{name}' is of the unknown type {head[16]}");
        Require((flags & ~KnownFlags) == 0, $"'{name}' has the unknown flags 0x{flags & ~KnownFlags:x}");
        Require(granularityBits is >= MinimumGranularityBits and <= MaximumGranularityBits, $"the granularity of '{name}' is 2^{granularityBits} bytes");
        Require(tableOffset <= long.MaxValue && tableOffset % (ulong)header.ClusterSize == 0, $"the table of '{name}' lies at offset 0x{tableOffset:x}");
        Require((long)tableSize << header.ClusterBits <= MaximumStoredBytes, $"the table of '{name}' has {tableSize} entries");
        return new Qcow2Bitmap(
            name, granularityBits, (Qcow2BitmapFlags)flags, new HostOffset((long)tableOffset), (int)tableSize, extraLength, new HostOffset(entryOffset));
    }

    private void Require(bool condition, string otherwise)
    {
        if (!condition)
            throw Qcow2Errors.BitmapDirectoryInvalid(file.Path, otherwise);
    }
}
