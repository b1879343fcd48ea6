using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>Bitmaps that QEMU recorded, read from the file by us and over NBD by libnbd.</summary>
public sealed class Qcow2BitmapTests
{
    [SkippableTheory]
    [InlineData("cluster_size=64k", 512, 20_000_256L * 512)]
    [InlineData("cluster_size=512", 512, (7L << 20) + 512)]
    [InlineData("cluster_size=512", 4096, 20L << 20)]
    [InlineData("cluster_size=4k", 65536, (50L << 20) + 1536)]
    [InlineData("cluster_size=64k", 65536, (1L << 30) + 512)]
    [InlineData("cluster_size=64k,extended_l2=on", 65536, 1L << 30)]
    [InlineData("cluster_size=2M", 1 << 20, (100L << 20) + 512)]
    [InlineData("cluster_size=64k", 1 << 30, (5L << 30) + 512)]
    public async Task MarksWhatLibnbdSeesOverTheWire(string options, int granularity, long size)
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-nbd", "nbdinfo");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, image, $"{size}");
        Tool.Run("qemu-img", "bitmap", "--add", "-g", $"{granularity}", "-f", "qcow2", image, "empty");
        Tool.Run("qemu-img", "bitmap", "--add", "-g", $"{granularity}", "-f", "qcow2", image, "recording");
        Tool.Run("qemu-img", "bitmap", "--disable", "-f", "qcow2", image, "empty");
        var random = new Random(granularity);
        Qcow2Oracle.Write(image, "qcow2", Enumerable.Range(0, 60).Select(_ =>
        {
            long offset = random.NextInt64(size / 512) * 512;
            return $"write -z -u {offset} {Math.Min((1 + random.Next(600)) * 512L, size - offset)}";
        }).Append($"write -z -u {size - 512} 512"));
        Tool.Run("qemu-img", "bitmap", "--add", "-f", "qcow2", image, "late one");

        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        Assert.True(opened.Header.BitmapsValid);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await opened.BitmapsAsync(CancellationToken.None);
        Assert.Equal(["empty", "late one", "recording"], bitmaps.Select(bitmap => bitmap.Name).Order(StringComparer.Ordinal));
        AssertDirectory(bitmaps, image);
        foreach (Qcow2Bitmap bitmap in bitmaps)
        {
            ExtentMap map = await opened.ReadBitmapAsync(bitmap, CancellationToken.None);
            Assert.Equal(OverTheWire(image, bitmap.Name), map);
            Assert.Equal(bitmap.Name == "recording", map.Count > 0);
        }
    }

    [SkippableFact]
    public async Task ClustersOfOnesAreNotRead()
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-nbd", "nbdinfo");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", image, "8M");
        Tool.Run("qemu-img", "bitmap", "--add", "-g", "512", "-f", "qcow2", image, "b");
        Qcow2Oracle.Write(image, "qcow2", "write -z -u 0 8M", "write -P 1 0 512");
        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        Qcow2Bitmap bitmap = Assert.Single(await opened.BitmapsAsync(CancellationToken.None));
        Assert.Equal([new Extent(0, 8 << 20)], await opened.ReadBitmapAsync(bitmap, CancellationToken.None));

        // QEMU writes ones as data; the format also knows them as a mark in the table.
        byte[] bytes = await File.ReadAllBytesAsync(image);
        var table = bytes.AsSpan((int)bitmap.TableOffset.Value, bitmap.TableSize * 8);
        table.Clear();
        table[15] = 1;
        table[31] = 1;
        await File.WriteAllBytesAsync(image, bytes);
        const int PerCluster = 512 * 8 * 512;
        Assert.Equal(
            [new Extent(PerCluster, PerCluster), new Extent(3 * PerCluster, PerCluster)],
            await opened.ReadBitmapAsync(bitmap, CancellationToken.None));
    }

    [SkippableFact]
    public async Task ABitmapInUseIsListedButNotRead()
    {
        (ScratchDirectory scratch, string image) = await OneBitmapAsync();
        using (scratch)
        {
            await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
            Qcow2Bitmap bitmap = Assert.Single(await opened.BitmapsAsync(CancellationToken.None));
            await PatchAsync(image, bitmap.EntryOffset.Value + 15, 3);
            bitmap = Assert.Single(await opened.BitmapsAsync(CancellationToken.None));
            Assert.True(bitmap is { InUse: true, Auto: true });
            await AssertRefusedAsync(opened, bitmap, Qcow2Errors.Qcow2BitmapInconsistent);
        }
    }

    [SkippableFact]
    public async Task AnImageThatQemuHoldsIsOpenedAndItsBitmapsAreInUse()
    {
        (ScratchDirectory scratch, string image) = await OneBitmapAsync();
        using (scratch)
        {
            using Process server = NbdHolder.Start(image, scratch["s"]);
            try
            {
                await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
                Assert.True(Assert.Single(await opened.BitmapsAsync(CancellationToken.None)).InUse);
            }
            finally
            {
                server.Kill();
                await server.WaitForExitAsync();
            }
        }
    }

    [SkippableFact]
    public async Task BitmapsAreGoneOnceAProgramThatDoesNotKnowThemWrote()
    {
        (ScratchDirectory scratch, string image) = await OneBitmapAsync();
        using (scratch)
        {
            await PatchAsync(image, 95, 0);
            await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
            Assert.False(opened.Header.BitmapsValid);
            Assert.Empty(await opened.BitmapsAsync(CancellationToken.None));
        }
    }

    [SkippableFact]
    public async Task ABitmapOfAnotherSizeIsRefused()
    {
        (ScratchDirectory scratch, string image) = await OneBitmapAsync();
        using (scratch)
        {
            await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
            Qcow2Bitmap bitmap = Assert.Single(await opened.BitmapsAsync(CancellationToken.None));
            await AssertRefusedAsync(opened, bitmap with { TableSize = bitmap.TableSize + 1 }, Qcow2Errors.Qcow2BitmapInvalid);
            await AssertRefusedAsync(opened, bitmap with { ExtraDataSize = 8 }, Qcow2Errors.Qcow2BitmapUnsupported);
            Assert.NotEmpty(await opened.ReadBitmapAsync(
                bitmap with { ExtraDataSize = 8, Flags = Qcow2BitmapFlags.ExtraDataCompatible }, CancellationToken.None));
        }
    }

    [SkippableFact]
    public async Task ATableThatNamesOneClusterTwiceIsRefused()
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", image, "8M");
        Tool.Run("qemu-img", "bitmap", "--add", "-g", "512", "-f", "qcow2", image, "b");
        Qcow2Oracle.Write(image, "qcow2", "write -z -u 4k 4k");
        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        Qcow2Bitmap bitmap = Assert.Single(await opened.BitmapsAsync(CancellationToken.None));
        byte[] bytes = await File.ReadAllBytesAsync(image);
        long data = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan((int)bitmap.TableOffset.Value));
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan((int)bitmap.TableOffset.Value + 8), data);
        await File.WriteAllBytesAsync(image, bytes);
        await AssertRefusedAsync(opened, bitmap, Qcow2Errors.Qcow2BitmapInvalid);
    }

    private static async Task<(ScratchDirectory Scratch, string Image)> OneBitmapAsync()
    {
        Tool.Require("qemu-img", "qemu-io");
        var scratch = new ScratchDirectory();
        string image = scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", image, "8M");
        Tool.Run("qemu-img", "bitmap", "--add", "-f", "qcow2", image, "b");
        Qcow2Oracle.Write(image, "qcow2", "write -P 1 1M 64k");
        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        Assert.NotEmpty(await opened.ReadBitmapAsync((await opened.BitmapsAsync(CancellationToken.None))[0], CancellationToken.None));
        return (scratch, image);
    }

    private static async Task AssertRefusedAsync(Qcow2Image image, Qcow2Bitmap bitmap, ErrorId id)
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => image.ReadBitmapAsync(bitmap, CancellationToken.None));
        Assert.Equal(id, refused.ErrorId);
    }

    private static async Task PatchAsync(string image, long offset, byte value)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(image, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        await RandomAccess.WriteAsync(file, new byte[] { value }, offset);
    }

    private static void AssertDirectory(IReadOnlyList<Qcow2Bitmap> bitmaps, string image)
    {
        using JsonDocument info = JsonDocument.Parse(Tool.Run("qemu-img", "info", "--output=json", image));
        JsonElement listed = info.RootElement.GetProperty("format-specific").GetProperty("data").GetProperty("bitmaps");
        Assert.Equal(
            listed.EnumerateArray().Select(element =>
                $"{element.GetProperty("name")} {element.GetProperty("granularity")} {string.Join(',', element.GetProperty("flags").EnumerateArray())}"),
            bitmaps.Select(bitmap =>
                $"{bitmap.Name} {bitmap.Granularity} {string.Join(',', new[] { bitmap.InUse ? "in-use" : "", bitmap.Auto ? "auto" : "" }.Where(flag => flag.Length > 0))}"));
    }

    private static ExtentMap OverTheWire(string image, string bitmap)
    {
        using JsonDocument map = JsonDocument.Parse(Tool.Run(
            "nbdinfo", "--json", $"--map=qemu:dirty-bitmap:{bitmap}", "--", "[", "qemu-nbd", "-r", "-f", "qcow2", "-B", bitmap, image, "]"));
        return ExtentMap.Of(map.RootElement.EnumerateArray()
            .Where(element => element.GetProperty("type").GetInt32() == 1)
            .Select(element => new Extent(element.GetProperty("offset").GetInt64(), element.GetProperty("length").GetInt64())));
    }
}
