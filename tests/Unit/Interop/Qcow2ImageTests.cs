using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>Images that qemu-img and qemu-io made, read by us and by them.</summary>
public sealed class Qcow2ImageTests
{
    [SkippableTheory]
    [InlineData("cluster_size=512", 1 << 20)]
    [InlineData("cluster_size=4k", (3 << 20) + 512)]
    [InlineData("cluster_size=64k", (9 << 20) + 1536)]
    [InlineData("cluster_size=2M", (13 << 20) + 512)]
    [InlineData("cluster_size=64k,extended_l2=on", (9 << 20) + 1536)]
    [InlineData("cluster_size=16k,extended_l2=on", 5 << 20)]
    [InlineData("cluster_size=2M,extended_l2=on", (13 << 20) + 512)]
    [InlineData("compat=0.10", 7 << 20)]
    [InlineData("refcount_bits=1,lazy_refcounts=off", 7 << 20)]
    [InlineData("lazy_refcounts=on", 7 << 20)]
    [InlineData("preallocation=metadata", 4 << 20)]
    [InlineData("preallocation=falloc,cluster_size=4k", (1 << 20) + 512)]
    public async Task ContentMappingAndHeaderAreWhatQemuSays(string options, long size)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, image, size.ToString(null, null));
        await Qcow2Oracle.AssertAsync(scratch, image);
        var random = new Random(options.Length);
        Qcow2Oracle.Write(image, "qcow2", Qcow2Oracle.RandomCommands(random, size, 40));
        await Qcow2Oracle.AssertAsync(scratch, image);
    }

    [SkippableTheory]
    [InlineData("cluster_size=512,compression_type=zlib")]
    [InlineData("cluster_size=64k,compression_type=zlib")]
    [InlineData("cluster_size=2M,compression_type=zlib")]
    [InlineData("cluster_size=64k,extended_l2=on,compression_type=zlib")]
    [InlineData("cluster_size=4k,compression_type=zstd")]
    [InlineData("cluster_size=64k,compression_type=zstd")]
    [InlineData("cluster_size=2M,extended_l2=on,compression_type=zstd")]
    public async Task CompressedClustersAreRead(string options)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string source = scratch["source.raw"], image = scratch["a.qcow2"];
        const int Size = (6 << 20) + 512;
        byte[] content = new byte[Size];
        var random = new Random(11);
        for (int at = 0; at < Size; at += 8192)
            content.AsSpan(at, Math.Min(random.Next(8192), Size - at)).Fill((byte)random.Next(4));
        // What cannot be compressed is stored plainly among the rest.
        random.NextBytes(content.AsSpan(3 << 20, 300_000));
        await File.WriteAllBytesAsync(source, content);
        Tool.Run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, source, image);
        await Qcow2Oracle.AssertAsync(scratch, image);

        Qcow2Oracle.Write(image, "qcow2", Qcow2Oracle.RandomCommands(random, Size, 10));
        await Qcow2Oracle.AssertAsync(scratch, image);
    }

    [SkippableTheory]
    [InlineData("off")]
    [InlineData("on")]
    public async Task AnExternalDataFileIsReadThroughTheGate(string raw)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        const int Size = (4 << 20) + 512;
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={scratch["a.data"]},data_file_raw={raw}", image, $"{Size}");
        Qcow2Oracle.Write(image, "qcow2", Qcow2Oracle.RandomCommands(new Random(3), Size, 30));
        await Qcow2Oracle.AssertAsync(scratch, image);

        using var elsewhere = new ScratchDirectory();
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            () => Qcow2Chain.OpenAsync(image, new DirectoryImageGate(elsewhere.Path), CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2BackingRefused, refused.ErrorId);

        await using Qcow2Image alone = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        MomentException missing = await Assert.ThrowsAsync<MomentException>(
            async () => await alone.ReadAsync(new Qcow2Mapping.Data(default, 512, default), new byte[512], CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2DataFileMissing, missing.ErrorId);
    }

    [SkippableFact]
    public async Task InternalSnapshotsAreListedAsQemuListsThem()
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", image, "4M");
        Qcow2Oracle.Write(image, "qcow2", "write -P 1 0 1M");
        Tool.Run("qemu-img", "snapshot", "-c", "first", image);
        Qcow2Oracle.Write(image, "qcow2", "write -P 2 512k 1M");
        Tool.Run("qemu-img", "snapshot", "-c", "zweiter Schnappschuß", image);
        Qcow2Oracle.Write(image, "qcow2", "write -P 3 3M 64k");
        await Qcow2Oracle.AssertAsync(scratch, image);

        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        IReadOnlyList<Qcow2Snapshot> snapshots = await opened.SnapshotsAsync(CancellationToken.None);
        Assert.Equal(["1 first", "2 zweiter Schnappschuß"], snapshots.Select(snapshot => $"{snapshot.Id} {snapshot.Name}"));
        Assert.All(snapshots, snapshot =>
        {
            Assert.Equal(4 << 20, snapshot.DiskSize);
            Assert.Equal(0, snapshot.VmStateSize);
            Assert.InRange(snapshot.Created, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        });
    }

    [SkippableFact]
    public async Task AnEncryptedImageShowsItsHeaderButNotItsData()
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        string[] create =
        [
            "create", "-q", "--object", "secret,id=s,data=x", "-f", "qcow2",
            "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10,preallocation=metadata", image, "1M",
        ];
        // qemu-img times its key derivation, and refuses where the system's clock of processor time is too coarse to see it.
        for (int tries = 0; tries < 20 && Tool.TryRun("qemu-img", create).Error.Contains("accurate CPU usage", StringComparison.Ordinal); tries++)
            File.Delete(image);
        Skip.IfNot(File.Exists(image), "the system's clock of processor time is too coarse for qemu-img to make a LUKS image");
        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(image, new PathListImageGate([]), CancellationToken.None);
        Assert.True(((Qcow2Image)chain.Layers[0]).Header.IsEncrypted);
        Assert.Equal(1 << 20, chain.Length);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(async () => await chain.ReadAsync(0, new byte[512], CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2Encrypted, refused.ErrorId);
    }

    [SkippableFact]
    public async Task ATebibyteOfNothingIsMappedInMilliseconds()
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", image, "1T");
        Qcow2Oracle.Write(image, "qcow2", "write 512G 64k", "write 1023G 64k");
        await Quick.WithinAsync(TimeSpan.FromMilliseconds(50), async () =>
        {
            await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
            List<Qcow2Mapping> runs = await opened.MapAsync(0, opened.Length, CancellationToken.None).ToListAsync();
            Assert.Equal(5, runs.Count);
            Assert.Equal(1L << 40, runs.Sum(run => run.Length));
        });
    }
}
