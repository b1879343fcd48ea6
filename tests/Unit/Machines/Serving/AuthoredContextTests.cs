using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

public sealed class AuthoredContextTests
{
    private const long Grain = 65536;
    private const long Size = (200 << 20) + 512;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatWasWrittenIsWhatNbdinfoReads(bool throughImage)
    {
        Tool.Require("qemu-storage-daemon", "nbdinfo");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        await AddNodeAsync(daemon);
        // Touching runs, a lone byte, the last sector.
        var dirty = ExtentMap.Of(new Extent(0, Grain), new Extent(3 * Grain + 5, 1), new Extent(100 << 20, 7 * Grain), new Extent(Size - 512, 512));
        await AddAsync(daemon.Qmp, scratch["r"], "mt-ctx", dirty, throughImage);
        NbdAddress address = await PrivateServer.AddExportAsync(
            daemon.Qmp, scratch["r"], null, "e", "n", "disk", [new BitmapRef("n", "mt-ctx")], writable: false, CancellationToken.None);
        JsonElement map = JsonDocument.Parse(Tool.Run("nbdinfo", "--map=qemu:dirty-bitmap:mt-ctx", "--json", address.ToUri("disk"))).RootElement;
        Extent[] told = [.. map.EnumerateArray().Where(run => run.GetProperty("type").GetInt32() == 1).Select(run => new Extent(run.GetProperty("offset").GetInt64(), run.GetProperty("length").GetInt64()))];
        Assert.Equal(dirty.RoundOut(Grain, Size).ToArray(), told);
        // Nothing but the node is left of it.
        Assert.Equal("n", Assert.Single(await daemon.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).NodeName);
        Assert.Equal(((UnixNbdAddress)address).Path, Assert.Single(Directory.EnumerateFileSystemEntries(scratch["r"])));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NothingDirtyIsAContextToo(bool throughImage)
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        await AddNodeAsync(daemon);
        await AddAsync(daemon.Qmp, scratch["r"], "b", ExtentMap.Of(), throughImage);
        QmpDirtyBitmap bitmap = Assert.Single((await daemon.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None))[0].DirtyBitmaps);
        Assert.Equal("b", bitmap.Name);
        Assert.False(bitmap.Recording);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ANameThatIsTakenLeavesTheOtherAlone(bool throughImage)
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        await AddNodeAsync(daemon);
        await AddAsync(daemon.Qmp, scratch["r"], "b", ExtentMap.Of(), throughImage);
        await Expect.FailsAsync(QmpErrors.QmpCommandFailed, () => AddAsync(daemon.Qmp, scratch["r"], "b", ExtentMap.Of(new Extent(0, 1)), throughImage));
        Assert.Equal(0, Assert.Single((await daemon.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None))[0].DirtyBitmaps).Count);
        await Expect.FailsAsync(DiskErrors.DiskNotInMachine, () => AddAsync(daemon.Qmp, scratch["r"], "b", ExtentMap.Of(), throughImage, "other"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => AddAsync(daemon.Qmp, scratch["r"], "c", ExtentMap.Of(new Extent(Size, 1)), throughImage));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
    }

    private static Task AddAsync(QmpClient qmp, string directory, string name, ExtentMap dirty, bool throughImage, string node = "n") => throughImage
        ? AuthoredContext.AddThroughImageAsync(qmp, directory, "0123456789ab", node, name, dirty, CancellationToken.None)
        : AuthoredContext.AddAsync(qmp, directory, "0123456789ab", node, name, dirty, CancellationToken.None);

    private static Task AddNodeAsync(StorageDaemon daemon) => daemon.Qmp.BlockdevAddAsync(
        new JsonObject { ["driver"] = "null-co", ["node-name"] = "n", ["size"] = Size, ["read-zeroes"] = true }, CancellationToken.None);
}
