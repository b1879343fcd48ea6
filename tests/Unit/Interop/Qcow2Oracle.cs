using System.Text.Json;
using MomentTools.Blocks;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>What QEMU's own tools say about an image, and the comparison with what we say.</summary>
internal static class Qcow2Oracle
{
    /// <summary>Runs commands of qemu-io on an image, in one process.</summary>
    public static void Write(string image, string format, params IEnumerable<string> commands)
    {
        string output = Tool.Run("qemu-io", ["-f", format, image, .. commands.SelectMany(command => (string[])["-c", command])]);
        Assert.False(output.Contains("failed", StringComparison.Ordinal) || output.Contains("error", StringComparison.OrdinalIgnoreCase), output);
    }

    /// <summary>Random writes, zeroes and discards over a disk, as commands of qemu-io.</summary>
    public static IEnumerable<string> RandomCommands(Random random, long size, int count)
    {
        for (int at = 0; at < count; at++)
        {
            long offset = random.NextInt64(size / 512) * 512;
            long length = Math.Min(size - offset, (1 + random.NextInt64(Math.Min(size / 512, 512))) * 512);
            yield return random.Next(10) switch
            {
                < 6 => $"write -P {random.Next(1, 256)} {offset} {length}",
                6 or 7 => $"write -z {offset} {length}",
                8 => $"write -z -u {offset} {length}",
                _ => $"discard {offset} {length}",
            };
        }
    }

    /// <summary>Opens the chain and compares its content, its mapping and each header with what qemu-img says.</summary>
    public static async Task AssertAsync(ScratchDirectory scratch, string image)
    {
        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(image, new DirectoryImageGate(scratch.Path), CancellationToken.None);
        await AssertContentAsync(scratch, chain, image);
        await AssertMappingAsync(chain, image);
        AssertHeaders(chain, image);
    }

    private static async Task AssertContentAsync(ScratchDirectory scratch, Qcow2Chain chain, string image)
    {
        string raw = scratch["expected.raw"];
        Tool.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw);
        byte[] expected = await File.ReadAllBytesAsync(raw);
        Assert.Equal(expected.Length, chain.Length);

        byte[] whole = new byte[chain.Length];
        await chain.ReadAsync(0, whole, CancellationToken.None);
        Assert.True(expected.AsSpan().SequenceEqual(whole), $"{image}: differs at {expected.AsSpan().CommonPrefixLength(whole)}");

        var random = new Random(7);
        for (int at = 0; at < 50 && expected.Length > 0; at++)
        {
            int offset = random.Next(expected.Length);
            byte[] piece = new byte[random.Next(Math.Min(100_000, expected.Length - offset) + 1)];
            random.NextBytes(piece);
            await chain.ReadAsync(offset, piece, CancellationToken.None);
            Assert.True(expected.AsSpan(offset, piece.Length).SequenceEqual(piece), $"{image}: {piece.Length} bytes at {offset} differ");
        }
    }

    private static async Task AssertMappingAsync(Qcow2Chain chain, string image)
    {
        using JsonDocument map = JsonDocument.Parse(Tool.Run("qemu-img", "map", "-f", "qcow2", "--output=json", image));
        var theirs = new Queue<JsonElement>(map.RootElement.EnumerateArray());
        long covered = 0;
        await foreach (Qcow2ChainRun run in chain.MapAsync(0, chain.Length, CancellationToken.None))
        {
            Assert.Equal(covered, run.Mapping.Offset.Value);
            Assert.True(run.Mapping.Length > 0);
            covered = run.Mapping.End;
            while (theirs.TryPeek(out JsonElement other) && other.GetProperty("start").GetInt64() < covered)
            {
                AssertAgree(run, other);
                if (other.GetProperty("start").GetInt64() + other.GetProperty("length").GetInt64() > covered)
                    break;
                theirs.Dequeue();
            }
        }

        Assert.Equal(chain.Length, covered);
        await AssertStatusAsync(chain);
    }

    private static void AssertAgree(Qcow2ChainRun ours, JsonElement theirs)
    {
        string both = $"{ours} but qemu-img says {theirs}";
        bool present = theirs.GetProperty("present").GetBoolean();
        bool data = theirs.GetProperty("data").GetBoolean();
        Assert.True(present == (ours.Mapping is not Qcow2Mapping.Unallocated), both);
        Assert.True(data == (ours.Mapping is Qcow2Mapping.Data or Qcow2Mapping.Compressed), both);
        if (present)
            Assert.True(theirs.GetProperty("depth").GetInt32() == ours.Depth, both);
        if (ours.Mapping is Qcow2Mapping.Data mapping)
        {
            // Both runs hold the greater of the two beginnings.
            long theirStart = theirs.GetProperty("start").GetInt64();
            long start = Math.Max(mapping.Offset.Value, theirStart);
            Assert.True(theirs.GetProperty("offset").GetInt64() + start - theirStart == mapping.Host.Value + start - mapping.Offset.Value, both);
        }
    }

    private static async Task AssertStatusAsync(Qcow2Chain chain)
    {
        long covered = 0;
        BlockKind? before = null;
        await foreach (BlockStatus status in chain.StatusAsync(0, chain.Length, CancellationToken.None))
        {
            Assert.Equal(covered, status.Offset);
            Assert.NotEqual(before, status.Kind);
            (covered, before) = (status.End, status.Kind);
        }

        Assert.Equal(chain.Length, covered);
    }

    private static void AssertHeaders(Qcow2Chain chain, string image)
    {
        using JsonDocument infos = JsonDocument.Parse(Tool.Run("qemu-img", "info", "--backing-chain", "--output=json", image));
        List<JsonElement> layers = [.. infos.RootElement.EnumerateArray()];
        Assert.Equal(layers.Count, chain.Layers.Count);
        foreach ((IImageLayer layer, JsonElement info) in chain.Layers.Zip(layers))
        {
            if (layer is Qcow2Image qcow2)
                AssertHeader(qcow2.Header, info);
            else
                Assert.Equal("raw", info.GetProperty("format").GetString());
        }
    }

    private static void AssertHeader(Qcow2Header header, JsonElement info)
    {
        JsonElement specific = info.GetProperty("format-specific").GetProperty("data");
        Assert.Equal(info.GetProperty("virtual-size").GetInt64(), header.Size);
        Assert.Equal(info.GetProperty("cluster-size").GetInt32(), header.ClusterSize);
        Assert.Equal(Text(info, "backing-filename"), header.BackingFile);
        Assert.Equal(Text(info, "backing-filename-format"), header.BackingFormat);
        Assert.Equal(info.GetProperty("dirty-flag").GetBoolean(), header.IsDirty);
        Assert.Equal(specific.GetProperty("compat").GetString(), header.Version == 2 ? "0.10" : "1.1");
        Assert.Equal(specific.GetProperty("compression-type").GetString(), header.CompressionType.ToString().ToLowerInvariant());
        Assert.Equal(specific.GetProperty("refcount-bits").GetInt32(), 1 << header.RefcountOrder);
        if (header.Version == 2)
            return;
        Assert.Equal(specific.GetProperty("extended-l2").GetBoolean(), header.HasExtendedL2);
        Assert.Equal(specific.GetProperty("lazy-refcounts").GetBoolean(), header.HasLazyRefcounts);
        Assert.Equal(specific.GetProperty("corrupt").GetBoolean(), header.IsCorrupt);
        Assert.Equal(Text(specific, "data-file"), header.DataFile);
        Assert.Equal(specific.TryGetProperty("data-file-raw", out JsonElement raw) && raw.GetBoolean(), header.DataFileIsRaw);
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
}
