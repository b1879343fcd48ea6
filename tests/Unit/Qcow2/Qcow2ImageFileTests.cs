using System.Buffers.Binary;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

/// <summary>Files that are no images, or whose tables ask for more than the file has.</summary>
public sealed class Qcow2ImageFileTests
{
    private const int Cluster = 4096;

    [Fact]
    public async Task AMissingFileIsSaidToBeMissing()
    {
        using var scratch = new ScratchDirectory();
        await AssertOpenRefusedAsync(scratch["nothing"], FileErrors.FileMissing);
    }

    [Fact]
    public async Task ADirectoryIsRefused()
    {
        using var scratch = new ScratchDirectory();
        await AssertOpenRefusedAsync(scratch.Path, Qcow2Errors.Qcow2NotRecognised);
    }

    [Theory]
    [InlineData("")]
    [InlineData("QFI")]
    [InlineData("not an image at all, but long enough to be asked")]
    public async Task AFileOfAnotherKindIsNotRecognised(string content)
    {
        using var scratch = new ScratchDirectory();
        await File.WriteAllTextAsync(scratch["a"], content);
        await AssertOpenRefusedAsync(scratch["a"], Qcow2Errors.Qcow2NotRecognised);
    }

    [SkippableFact]
    public async Task APipeIsRefusedAtOnce()
    {
        Tool.Require("mkfifo");
        using var scratch = new ScratchDirectory();
        Tool.Run("mkfifo", scratch["pipe"]);
        await AssertOpenRefusedAsync(scratch["pipe"], Qcow2Errors.Qcow2NotRecognised).WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task AnL1TableBehindTheEndOfTheFileIsMissedOnlyWhenItIsNeeded()
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, bytes => Put64(bytes, 40, 100 * Cluster));
        Assert.Empty(await image.BitmapsAsync(CancellationToken.None));
        await AssertMapRefusedAsync(image, Qcow2Errors.Qcow2Truncated);
    }

    [Fact]
    public async Task AnL2TableUsedTwiceIsRefused()
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, bytes => Put64(bytes, Cluster + 8, 2 * Cluster));
        await AssertMapRefusedAsync(image, Qcow2Errors.Qcow2TableInvalid);
    }

    [Fact]
    public async Task AClusterOfWhichTheFileHoldsTheBeginningIsReadAndOneItDoesNotHoldIsRefused()
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, bytes => Put64(bytes, (2 * Cluster) + 8, 4 * Cluster), (3 * Cluster) + 100);
        byte[] buffer = new byte[Cluster];
        List<Qcow2Mapping> runs = await image.MapAsync(0, 2 * Cluster, CancellationToken.None).ToListAsync();
        Assert.Equal(Cluster * 2, Assert.Single(runs).Length);
        await image.ReadAsync(runs[0], buffer, CancellationToken.None);
        Assert.Equal([.. Enumerable.Repeat((byte)7, 100), .. new byte[Cluster - 100]], buffer);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            async () => await image.ReadAsync(runs[0], new byte[2 * Cluster], CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2Truncated, refused.ErrorId);
    }

    [Fact]
    public async Task ASnapshotTableThatClaimsTheWholeWorldIsRefused()
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, bytes =>
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(60), 1);
            Put64(bytes, 64, 3 * Cluster);
        });
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => image.SnapshotsAsync(CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2SnapshotTableInvalid, refused.ErrorId);
    }

    [Fact]
    public async Task BitmapsThatTheHeaderPromisesAndDoesNotHaveAreAnError()
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, bytes => bytes[95] = 1);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => image.BitmapsAsync(CancellationToken.None));
        Assert.Equal(Qcow2Errors.Qcow2BitmapDirectoryInvalid, refused.ErrorId);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, (4 << 20) + 1)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public async Task WhatLiesOutsideTheDiskCannotBeAskedFor(long offset, long length)
    {
        using var scratch = new ScratchDirectory();
        await using Qcow2Image image = await OpenAsync(scratch, _ => { });
        Assert.Throws<ArgumentOutOfRangeException>(() => image.MapAsync(offset, length, CancellationToken.None));
    }

    /// <summary>A disk of 4 MiB: header, L1 table of two entries, one L2 table, one cluster of sevens, the second beside it not there.</summary>
    private static async Task<Qcow2Image> OpenAsync(ScratchDirectory scratch, Action<byte[]> damage, int length = 4 * Cluster)
    {
        byte[] bytes = new byte[4 * Cluster];
        Put64(bytes, 0, 0x514649fb_00000003);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), 12);
        Put64(bytes, 24, 4 << 20);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(36), 2);
        Put64(bytes, 40, Cluster);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(96), 4);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(100), 104);
        Put64(bytes, Cluster, 2 * Cluster);
        Put64(bytes, 2 * Cluster, 3 * Cluster);
        bytes.AsSpan(3 * Cluster).Fill(7);
        damage(bytes);
        await File.WriteAllBytesAsync(scratch["a.qcow2"], bytes.AsMemory(0, length));
        return await Qcow2Image.OpenAsync(scratch["a.qcow2"], CancellationToken.None);
    }

    private static void Put64(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);

    private static async Task AssertOpenRefusedAsync(string path, ErrorId id)
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => Qcow2Image.OpenAsync(path, CancellationToken.None));
        Assert.Equal(id, refused.ErrorId);
    }

    private static async Task AssertMapRefusedAsync(Qcow2Image image, ErrorId id)
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            async () => await image.MapAsync(0, image.Length, CancellationToken.None).ToListAsync());
        Assert.Equal(id, refused.ErrorId);
    }
}
