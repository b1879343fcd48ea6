using System.Buffers.Binary;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>
/// Images made by qemu-img of every kind, damaged where their structures lie: the header, the tables, bitmaps and snapshots. Nothing outside
/// their directory is read; and what is accepted whole has the content, the bitmaps and the snapshots that qemu-img finds.
/// </summary>
internal sealed class Qcow2Target : IFuzzTarget
{
    private const int Size = 1 << 20;

    // A tool takes longer than a hundred readings.
    private const int JudgedOneIn = 100;
    private const long MostCompared = 8 << 20;

    private static readonly (string Options, bool Compressed)[] Kinds =
    [
        ("cluster_size=512", false), ("cluster_size=4k,compression_type=zlib", true), ("cluster_size=4k,compression_type=zstd", true), ("cluster_size=16k,extended_l2=on", false), ("compat=0.10,cluster_size=1k", false),
    ];

    private readonly ScratchDirectory _scratch = new();
    private readonly ScratchDirectory _outside = new();
    private readonly List<(byte[] Sound, IReadOnlyList<(int Offset, int Length)> Places)> _corpus = [];
    private int _accepted;

    public Qcow2Target()
    {
        // What nobody has business to read: its bytes in an answer would be a file read that the image had no right to name.
        File.WriteAllBytes(_outside["secret"], [.. Enumerable.Repeat(Secret, Size)]);
        foreach ((string options, bool compressed) in Kinds)
        {
            byte[] sound = Sample(options, compressed);
            _corpus.Add((sound, Places(sound)));
        }
    }

    public static byte Secret => 0xC5;

    public string Name => "qcow2";

    public int Inputs => 1500;

    public long MostBytes => 64 << 20;

    public FuzzInput Make(Random random)
    {
        (byte[] sound, IReadOnlyList<(int Offset, int Length)> places) = _corpus[random.Next(_corpus.Count)];
        byte[] damaged = ByteDamage.Of(sound, random, places);
        if (random.Next(20) == 0)
            Rename(damaged, random.Next(3) switch { 0 => _outside["secret"], 1 => "a.qcow2", _ => "../" + Path.GetFileName(_outside.Path) + "/secret" });
        return new FuzzInput(damaged);
    }

    public async Task<bool> ReadAsync(FuzzInput input)
    {
        string image = _scratch["a.qcow2"];
        await File.WriteAllBytesAsync(image, input.Whole);
        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(image, new DirectoryImageGate(_scratch.Path), CancellationToken.None);
        // All of it is tried, whatever fails.
        MomentException? refusal = null;
        await TryAsync(() => ReadListsAsync((Qcow2Image)chain.Layers[0]));
        await TryAsync(() => ReadDiskAsync(chain));
        if (refusal is not null)
            throw refusal;
        if (_accepted++ % JudgedOneIn == 0)
            await CompareAsync(chain, image);
        return true;

        async Task TryAsync(Func<Task> read)
        {
            try
            {
                await read();
            }
            catch (MomentException failure)
            {
                refusal ??= failure;
            }
        }
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _outside.Dispose();
    }

    private static async Task ReadListsAsync(Qcow2Image image)
    {
        _ = await image.SnapshotsAsync(CancellationToken.None);
        foreach (Qcow2Bitmap bitmap in await image.BitmapsAsync(CancellationToken.None))
        {
            Blocks.ExtentMap dirty = await image.ReadBitmapAsync(bitmap, CancellationToken.None);
            FuzzFailure.When(dirty.Count > 0 && dirty[^1].End > image.Length, $"the bitmap '{bitmap.Name}' has bytes behind the end");
        }
    }

    private static async Task ReadDiskAsync(Qcow2Chain chain)
    {
        byte[] buffer = new byte[1 << 16];
        long at = 0;
        await foreach (Qcow2ChainRun run in chain.MapAsync(0, chain.Length, CancellationToken.None))
        {
            FuzzFailure.When(run.Mapping.Offset.Value != at, $"the map goes on at {run.Mapping.Offset.Value} where it ended at {at}");
            at += run.Mapping.Length;
            if (run.Mapping is Qcow2Mapping.Unallocated)
                continue;
            Memory<byte> part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, run.Mapping.Length));
            await chain.Layers[run.Depth].ReadAsync(run.Mapping, part, CancellationToken.None);
            FuzzFailure.When(part.Span.IndexOf([Secret, Secret, Secret, Secret, Secret, Secret, Secret, Secret]) >= 0, "a file outside was read");
        }

        FuzzFailure.When(at != chain.Length, $"the map ends at {at} of {chain.Length}");
        long last = Math.Max(0, chain.Length - buffer.Length);
        await chain.ReadAsync(last, buffer.AsMemory(0, (int)(chain.Length - last)), CancellationToken.None);
    }

    // Where qemu-img reads an image, too, it reads the same; what it refuses is its own matter: it looks at more than is read here.
    private async Task CompareAsync(Qcow2Chain chain, string image)
    {
        if (chain.Length > MostCompared || FuzzTool.TryRun("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", image, _scratch["a.raw"]).Exit != 0)
            return;
        byte[] ours = new byte[chain.Length], theirs = await File.ReadAllBytesAsync(_scratch["a.raw"]);
        await chain.ReadAsync(0, ours, CancellationToken.None);
        int same = ours.AsSpan().CommonPrefixLength(theirs);
        // A raw file has whole sectors.
        FuzzFailure.When(same < ours.Length || theirs.Length - ours.Length >= 512, $"from {same} of {ours.Length} bytes on qemu-img reads something else ({theirs.Length} bytes)");
        if (FuzzTool.TryRun("qemu-img", "info", "-U", "-f", "qcow2", "--output=json", image) is not (0, string output, _))
            return;
        JsonNode info = JsonNode.Parse(output)!;
        var top = (Qcow2Image)chain.Layers[0];
        string snapshots = string.Join('\n', (info["snapshots"]?.AsArray() ?? []).Select(one => $"{one!["id"]} {one["name"]}"));
        string found = string.Join('\n', (await top.SnapshotsAsync(CancellationToken.None)).Select(one => $"{one.Id} {one.Name}"));
        FuzzFailure.When(snapshots != found, $"the snapshots are\n{found}\nand for qemu-img\n{snapshots}");
        string bitmaps = string.Join('\n', (info["format-specific"]?["data"]?["bitmaps"]?.AsArray() ?? []).Select(one => $"{one!["name"]} {one["granularity"]}").Order(StringComparer.Ordinal));
        found = string.Join('\n', (await top.BitmapsAsync(CancellationToken.None)).Select(one => $"{one.Name} {one.Granularity}").Order(StringComparer.Ordinal));
        FuzzFailure.When(bitmaps != found, $"the bitmaps are\n{found}\nand for qemu-img\n{bitmaps}");
    }

    private byte[] Sample(string options, bool compressed)
    {
        string image = _scratch["a.qcow2"], raw = _scratch["base.raw"];
        FuzzTool.Run("qemu-img", "create", "-q", "-f", "raw", raw, $"{Size}");
        if (compressed)
        {
            FuzzTool.Run("qemu-io", "-f", "raw", "-c", "write -P 1 0 20k", "-c", "write -P 2 100k 10k", "-c", "write -P 3 500k 30k", raw);
            FuzzTool.Run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, image);
        }
        else
        {
            FuzzTool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", "base.raw", "-F", "raw", image, $"{Size}");
        }

        FuzzTool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 4 10k 10k", "-c", "write -z 40k 8k", "-c", "write -P 5 300k 6k", image);
        FuzzTool.Run("qemu-img", "snapshot", "-c", "one", image);
        if (!options.Contains("0.10", StringComparison.Ordinal))
        {
            FuzzTool.Run("qemu-img", "bitmap", "--add", "-g", "512", "-f", "qcow2", image, "first");
            FuzzTool.Run("qemu-img", "bitmap", "--add", "-f", "qcow2", image, "second");
        }

        FuzzTool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 6 700k 5k", "-c", "write -P 6 720k 5k", "-c", "discard 300k 4k", image);
        return File.ReadAllBytes(image);
    }

    // Where the structures lie that decide what else is read.
    private static List<(int Offset, int Length)> Places(byte[] image)
    {
        int cluster = 1 << BinaryPrimitives.ReadInt32BigEndian(image.AsSpan(20));
        int l1 = (int)BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(40));
        int l1Entries = BinaryPrimitives.ReadInt32BigEndian(image.AsSpan(36));
        var places = new List<(int Offset, int Length)> { (0, 112), (104, 300), (l1, l1Entries * 8), ((int)BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(64)), 80) };
        for (int at = 0; at < l1Entries; at++)
        {
            int l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(l1 + (at * 8))) & 0xff_ffff_fe00);
            if (l2 != 0)
                places.Add((l2, cluster));
        }

        for (int at = 104; at < cluster - 32 && BinaryPrimitives.ReadUInt32BigEndian(image.AsSpan(4)) == 3; at += 8)
        {
            if (BinaryPrimitives.ReadUInt32BigEndian(image.AsSpan(at)) != Qcow2HeaderExtension.Bitmaps)
                continue;
            int directory = (int)BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(at + 24));
            places.Add((at, 32));
            places.Add((directory, 64));
            places.Add(((int)BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(directory)), 64));
            break;
        }

        // And anything at all: compressed data, bitmap data, what nobody reads.
        places.Add((0, image.Length));
        return places;
    }

    // Another backing file: one that it must not have, or itself.
    private static void Rename(byte[] image, string name)
    {
        long at = BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(8));
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(name);
        if (image.Length < 24 || at <= 0 || at + bytes.Length > image.Length)
            return;
        bytes.CopyTo(image, at);
        BinaryPrimitives.WriteInt32BigEndian(image.AsSpan(16), bytes.Length);
    }
}
