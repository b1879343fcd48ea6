using System.Buffers.Binary;
using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>Runs alone, so that what is allocated meanwhile is its own.</summary>
[CollectionDefinition(nameof(Qcow2HostileImageTests), DisableParallelization = true)]
public sealed class Qcow2HostileImages;

/// <summary>
/// Ten thousand images that somebody damaged: whatever is in them, the answer is a reading or a <see cref="MomentException"/>,
/// within a second, and without memory by their say-so.
/// </summary>
[Collection(nameof(Qcow2HostileImageTests))]
public sealed class Qcow2HostileImageTests
{
    private const int MutationsPerImage = 2000;
    private const long AllocationLimit = 64 << 20;
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(1);

    [SkippableTheory]
    [InlineData("cluster_size=512", false)]
    [InlineData("cluster_size=4k,compression_type=zlib", true)]
    [InlineData("cluster_size=4k,compression_type=zstd", true)]
    [InlineData("cluster_size=16k,extended_l2=on", false)]
    [InlineData("compat=0.10,cluster_size=1k", false)]
    public async Task AreReadOrRefused(string options, bool compressed)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        byte[] sound = await MakeAsync(scratch, options, compressed);
        string image = scratch["a.qcow2"];
        List<(int Offset, int Length)> metadata = Metadata(sound);
        var random = new Random(options.Length);
        int refused = 0;
        for (int round = 0; round < MutationsPerImage; round++)
        {
            byte[] damaged = Damage(sound, metadata, random);
            await File.WriteAllBytesAsync(image, damaged);
            (MomentException? answer, TimeSpan elapsed, long allocated) = await MeasureAsync(scratch, image);
            // Once more before it counts: the machine may have been busy with something else.
            if (elapsed >= TimeLimit)
                (_, elapsed, _) = await MeasureAsync(scratch, image);
            Assert.True(elapsed < TimeLimit, $"round {round} took {elapsed}");
            Assert.True(allocated < AllocationLimit, $"round {round} allocated {allocated} bytes");
            refused += answer is null ? 0 : 1;
        }

        // Neither all nor none: the damage reaches the reader, and the reader gets past the header.
        Assert.InRange(refused, MutationsPerImage / 10, MutationsPerImage * 99 / 100);
    }

    private static async Task<(MomentException? Answer, TimeSpan Elapsed, long Allocated)> MeasureAsync(ScratchDirectory scratch, string image)
    {
        MomentException? answer = null;
        long allocated = GC.GetTotalAllocatedBytes();
        long start = Stopwatch.GetTimestamp();
        try
        {
            await ReadAllAsync(scratch, image);
        }
        catch (MomentException refusal)
        {
            answer = refusal;
        }

        return (answer, Stopwatch.GetElapsedTime(start), GC.GetTotalAllocatedBytes() - allocated);
    }

    private static async Task<byte[]> MakeAsync(ScratchDirectory scratch, string options, bool compressed)
    {
        const int Size = 1 << 20;
        string image = scratch["a.qcow2"];
        bool bitmaps = !options.Contains("0.10", StringComparison.Ordinal);
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", scratch["base.raw"], $"{Size}");
        if (compressed)
        {
            Qcow2Oracle.Write(scratch["base.raw"], "raw", "write -P 1 0 20k", "write -P 2 100k 10k", "write -P 3 500k 30k");
            Tool.Run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, scratch["base.raw"], image);
        }
        else
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", "base.raw", "-F", "raw", image, $"{Size}");
        }

        Qcow2Oracle.Write(image, "qcow2", "write -P 4 10k 10k", "write -z 40k 8k", "write -P 5 300k 6k");
        Tool.Run("qemu-img", "snapshot", "-c", "one", image);
        if (bitmaps)
        {
            Tool.Run("qemu-img", "bitmap", "--add", "-g", "512", "-f", "qcow2", image, "first");
            Tool.Run("qemu-img", "bitmap", "--add", "-f", "qcow2", image, "second");
        }

        Qcow2Oracle.Write(image, "qcow2", "write -P 6 700k 5k", "write -P 6 720k 5k", "discard 300k 4k");
        await ReadAllAsync(scratch, image);
        return await File.ReadAllBytesAsync(image);
    }

    /// <summary>Where the structures lie that decide what else is read.</summary>
    private static List<(int Offset, int Length)> Metadata(byte[] image)
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

    private static byte[] Damage(byte[] sound, List<(int Offset, int Length)> metadata, Random random)
    {
        byte[] damaged = [.. sound];
        int hits = random.Next(1, 5);
        for (int hit = 0; hit < hits; hit++)
        {
            (int offset, int length) = metadata[random.Next(metadata.Count)];
            int at = Math.Min(offset + random.Next(length), damaged.Length - 8);
            Span<byte> number = damaged.AsSpan(random.Next(2) == 0 ? at : at & ~7, 8);
            switch (random.Next(6))
            {
                case 0:
                    number[0] = (byte)random.Next(256);
                    break;
                case 1:
                    number[random.Next(8)] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    random.NextBytes(number);
                    break;
                case 3:
                    number.Fill((byte)(random.Next(2) * 255));
                    break;
                case 4:
                    BinaryPrimitives.WriteInt64BigEndian(number, random.NextInt64(damaged.Length) & -512);
                    break;
                default:
                    BinaryPrimitives.WriteUInt64BigEndian(number, 1UL << random.Next(64));
                    break;
            }
        }

        return random.Next(8) == 0 ? damaged[..random.Next(damaged.Length)] : damaged;
    }

    private static async Task ReadAllAsync(ScratchDirectory scratch, string path)
    {
        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(path, new DirectoryImageGate(scratch.Path), CancellationToken.None);
        var failures = new List<MomentException>();
        await TryAsync(() => ReadListsAsync((Qcow2Image)chain.Layers[0]));
        await TryAsync(() => ReadDiskAsync(chain));
        if (failures.Count > 0)
            throw failures[0];

        async Task TryAsync(Func<Task> read)
        {
            try
            {
                await read();
            }
            catch (MomentException failure)
            {
                failures.Add(failure);
            }
        }
    }

    private static async Task ReadListsAsync(Qcow2Image image)
    {
        _ = await image.SnapshotsAsync(CancellationToken.None);
        foreach (Qcow2Bitmap bitmap in await image.BitmapsAsync(CancellationToken.None))
            _ = await image.ReadBitmapAsync(bitmap, CancellationToken.None);
    }

    private static async Task ReadDiskAsync(Qcow2Chain chain)
    {
        byte[] buffer = new byte[1 << 16];
        await foreach (Qcow2ChainRun run in chain.MapAsync(0, chain.Length, CancellationToken.None))
        {
            if (run.Mapping is not Qcow2Mapping.Unallocated)
                await chain.Layers[run.Depth].ReadAsync(run.Mapping, buffer.AsMemory(0, (int)Math.Min(buffer.Length, run.Mapping.Length)), CancellationToken.None);
        }

        long last = Math.Max(0, chain.Length - buffer.Length);
        await chain.ReadAsync(last, buffer.AsMemory(0, (int)(chain.Length - last)), CancellationToken.None);
    }
}
