using System.Security.Cryptography;
using System.Text;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Moments;

/// <summary>
/// Sidecars: the closed segments of one operation, a section a disk, in one flushed file. QEMU keeps bitmaps made since its start in
/// memory only; a crash then costs the recording one alone, because the closed ones lie here. Layout: magic, version, the sections
/// (name, size, granularity, count, then each run as distance from the last and length, as 7-bit numbers), SHA-256 of all before.
/// </summary>
internal sealed class SegmentFile(string directory)
{
    private const int MaxBytes = 256 << 20;
    private static readonly byte[] Magic = "MTSEGM01"u8.ToArray();

    public string PathOf(string id) => Path.Combine(directory, id);

    public void Write(string id, IReadOnlyDictionary<string, Segment> segments)
    {
        using var content = new MemoryStream();
        using (var writer = new BinaryWriter(content, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write7BitEncodedInt(segments.Count);
            foreach ((string disk, Segment segment) in segments)
            {
                writer.Write(disk);
                writer.Write7BitEncodedInt64(segment.Size);
                writer.Write7BitEncodedInt64(segment.Granularity);
                writer.Write7BitEncodedInt(segment.Blocks.Count);
                long last = 0;
                foreach (Extent extent in segment.Blocks)
                {
                    writer.Write7BitEncodedInt64(extent.Offset - last);
                    writer.Write7BitEncodedInt64(extent.Length);
                    last = extent.End;
                }
            }
        }

        content.Write(SHA256.HashData(content.GetBuffer().AsSpan(0, (int)content.Length)));
        PrivateDirectory.Make(directory);
        DurableFile.WriteNew(PathOf(id), content.GetBuffer().AsSpan(0, (int)content.Length));
    }

    /// <summary>The segment of one disk; a file that is missing, damaged, or without that disk is an error (SegmentUnreadable).</summary>
    public Segment Read(string id, string disk)
    {
        string path = PathOf(id);
        ArraySegment<byte> sections = Verified(path);
        try
        {
            return Find(sections, disk) ?? throw Unreadable(path, $"it has no section for disk '{disk}'");
        }
        catch (Exception failure) when (failure is IOException or FormatException or ArgumentException or OverflowException)
        {
            throw Unreadable(path, failure.Message, failure);
        }
    }

    /// <summary>Whether the segment of a disk can be read.</summary>
    public bool IsWhole(string id, string disk) => Succeeds(() => Read(id, disk));

    /// <summary>Whether the file is there as it was written. One that a killed process was still writing is not.</summary>
    public bool IsWhole(string id) => Succeeds(() => Verified(PathOf(id)));

    public void Delete(IEnumerable<string> ids) => DurableFile.WriteAll([.. ids.Select(id => (PathOf(id), (byte[]?)null))], null);

    // What stands between the magic and the checksum.
    private static ArraySegment<byte> Verified(string path)
    {
        byte[] bytes;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } file)
                throw Unreadable(path, $"it has {file.Length} bytes, more than any sidecar has");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, failure.Message, failure);
        }

        int end = bytes.Length - SHA256.HashSizeInBytes;
        if (end < Magic.Length || !bytes.AsSpan().StartsWith(Magic) || !SHA256.HashData(bytes.AsSpan(0, end)).AsSpan().SequenceEqual(bytes.AsSpan(end)))
            throw Unreadable(path, "its checksum does not match its content");
        return new ArraySegment<byte>(bytes, Magic.Length, end - Magic.Length);
    }

    private static bool Succeeds<T>(Func<T> read)
    {
        try
        {
            read();
            return true;
        }
        catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            return false;
        }
    }

    private static Segment? Find(ArraySegment<byte> content, string disk)
    {
        using var reader = new BinaryReader(new MemoryStream(content.Array!, content.Offset, content.Count, writable: false), Encoding.UTF8);
        for (int sections = reader.Read7BitEncodedInt(); sections > 0; sections--)
        {
            string name = reader.ReadString();
            long size = reader.Read7BitEncodedInt64(), granularity = reader.Read7BitEncodedInt64(), last = 0;
            if (size < 0 || granularity <= 0)
                throw new FormatException($"a disk of {size} bytes in pieces of {granularity}");
            var blocks = new ExtentMapBuilder();
            for (int count = reader.Read7BitEncodedInt(); count > 0; count--)
            {
                long offset = checked(last + reader.Read7BitEncodedInt64()), length = reader.Read7BitEncodedInt64();
                blocks.Add(offset, length);
                last = checked(offset + length);
            }

            if (name == disk)
                return last <= size ? new Segment(blocks.Build(), size, granularity) : throw new FormatException("a run lies beyond the disk's end");
        }

        return null;
    }

    private static MomentException Unreadable(string path, string why, Exception? inner = null) =>
        new(MomentErrors.SegmentUnreadable, $"Cannot read the saved segment '{path}': {why}.", path, "Changes across this segment are unknown; a full backup starts a new chain.", inner);
}
