using System.Text;

namespace MomentTools.Qcow2;

/// <summary>Reads the list of internal snapshots (specification: "Snapshots").</summary>
internal sealed class SnapshotTable(ImageFile file, Qcow2Header header)
{
    public const int MaximumSnapshots = 65536;

    private const int FixedLength = 40;
    private const int MaximumText = 1023;
    private const int MaximumExtraData = 1024;
    private const int MaximumL1Entries = 4 << 20;
    private const long MaximumLength = 16 << 20;
    private const long NanosecondsPerTick = 100;

    public async Task<IReadOnlyList<Qcow2Snapshot>> ReadAsync(CancellationToken cancellation)
    {
        var snapshots = new List<Qcow2Snapshot>();
        if (header.SnapshotCount == 0)
            return snapshots;
        long offset = header.SnapshotsOffset.Value;
        if (!file.Holds(offset, (long)header.SnapshotCount * FixedLength))
            throw Qcow2Errors.Truncated(file.Path, "snapshot table", offset, (long)header.SnapshotCount * FixedLength, file.Length);
        var region = new RegionReader(file, "snapshot table", offset, Math.Min(MaximumLength, file.Length - offset));
        for (int at = 0; at < header.SnapshotCount; at++)
            snapshots.Add(await ReadEntryAsync(region, at, cancellation));
        return snapshots;
    }

    private async Task<Qcow2Snapshot> ReadEntryAsync(RegionReader region, int number, CancellationToken cancellation)
    {
        Require(number, region.Remaining >= FixedLength, "the table is longer than the file or 16 MiB");
        ReadOnlyMemory<byte> head = (await region.TakeAsync(FixedLength, cancellation)).ToArray();
        int idLength = BigEndian.U16(head.Span, 12);
        int nameLength = BigEndian.U16(head.Span, 14);
        uint extraLength = BigEndian.U32(head.Span, 36);
        Require(number, idLength <= MaximumText && nameLength <= MaximumText, $"its id has {idLength} bytes and its name {nameLength}");
        Require(number, extraLength <= MaximumExtraData, $"its extra data has {extraLength} bytes");
        int length = FixedLength + (int)extraLength + idLength + nameLength;
        Require(number, region.Remaining >= length - FixedLength, "the table is longer than the file or 16 MiB");
        int padded = (length + 7) & ~7;
        // The last entry's padding may be missing: QEMU does not write behind the table.
        int rest = (int)Math.Min(padded - FixedLength, region.Remaining);
        ReadOnlyMemory<byte> tail = await region.TakeAsync(rest, cancellation);
        return Parse(number, head.Span, tail.Span[..(int)extraLength], tail.Span.Slice((int)extraLength, idLength + nameLength), idLength);
    }

    private Qcow2Snapshot Parse(int number, ReadOnlySpan<byte> head, ReadOnlySpan<byte> extra, ReadOnlySpan<byte> texts, int idLength)
    {
        ulong vmState = extra.Length >= 8 ? BigEndian.U64(extra, 0) : BigEndian.U32(head, 32);
        ulong diskSize = extra.Length >= 16 ? BigEndian.U64(extra, 8) : (ulong)header.Size;
        ulong l1Offset = BigEndian.U64(head, 0);
        uint l1Size = BigEndian.U32(head, 8);
        Require(number, vmState <= long.MaxValue && diskSize <= long.MaxValue, $"its sizes are 0x{vmState:x} and 0x{diskSize:x}");
        Require(number, l1Offset <= long.MaxValue && l1Offset % (ulong)header.ClusterSize == 0, $"its L1 table lies at offset 0x{l1Offset:x}");
        Require(number, l1Size <= MaximumL1Entries, $"its L1 table has {l1Size} entries");
        // For QEMU the text ends there, so that it would be another snapshot's.
        Require(number, !texts.Contains((byte)0), "its id or its name has a zero byte in it");
        long clock = (long)(BigEndian.U64(head, 24) / NanosecondsPerTick);
        return new Qcow2Snapshot(
            Encoding.UTF8.GetString(texts[..idLength]),
            Encoding.UTF8.GetString(texts[idLength..]),
            DateTimeOffset.FromUnixTimeSeconds(BigEndian.U32(head, 16)).AddTicks(BigEndian.U32(head, 20) / NanosecondsPerTick),
            TimeSpan.FromTicks(clock),
            (long)vmState,
            (long)diskSize,
            new HostOffset((long)l1Offset),
            (int)l1Size);
    }

    private void Require(int number, bool condition, string otherwise)
    {
        if (!condition)
            throw Qcow2Errors.SnapshotTableInvalid(file.Path, $"entry {number}: {otherwise}");
    }
}
