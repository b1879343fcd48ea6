using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

/// <summary>A compressed cluster that was damaged is told by its place in the disk, and never read as something else.</summary>
public sealed class CompressedClusterTests
{
    private const int Cluster = 65536;

    [SkippableTheory]
    [InlineData("zlib", "deflate")]
    [InlineData("zstd", "zstd")]
    public async Task ADamagedOneIsNamedByItsOffset(string type, string said)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string raw = scratch["raw"], path = scratch["packed.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", raw, "1M");
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 7 128k 64k", raw);
        Tool.Run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"compression_type={type}", raw, path);
        Qcow2Mapping.Compressed packed = await FindAsync(path);
        Assert.Equal(2 * Cluster, packed.Offset.Value);
        Assert.All(await ReadAsync(path, packed), value => Assert.Equal(7, value));

        using (var file = new FileStream(path, FileMode.Open))
        {
            file.Position = packed.Host.Value;
            file.Write(Enumerable.Repeat((byte)0xff, packed.CompressedLength).ToArray());
        }

        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(path, packed));
        Assert.Equal(Qcow2Errors.Qcow2ClusterInvalid, failure.ErrorId);
        Assert.Contains($"'{path}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains(packed.Offset.ToString(), failure.Message, StringComparison.Ordinal);
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
    }

    private static async Task<Qcow2Mapping.Compressed> FindAsync(string path)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, CancellationToken.None);
        List<Qcow2Mapping.Compressed> found = [];
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Length, CancellationToken.None))
            if (run is Qcow2Mapping.Compressed packed)
                found.Add(packed);
        return Assert.Single(found);
    }

    private static async Task<byte[]> ReadAsync(string path, Qcow2Mapping mapping)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, CancellationToken.None);
        byte[] bytes = new byte[mapping.Length];
        await image.ReadAsync(mapping, bytes, CancellationToken.None);
        return bytes;
    }
}
