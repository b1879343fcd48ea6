using System.Globalization;
using System.Text.Json;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Bitmaps written from sets of blocks, judged by nbdinfo and by our own reader of the closed image.</summary>
public sealed class AuthoredBitmapsTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true, 16 << 20, 1)]
    [InlineData(false, 16 << 20, 2)]
    [InlineData(true, (16 << 20) + 512, 3)]
    [InlineData(false, (5 << 20) - 1536, 4)]
    [InlineData(false, 40448, 5)]
    public async Task WhatIsAuthoredIsWhatTheImageHolds(bool running, long size, int seed)
    {
        Tool.Require("nbdinfo", "qemu-nbd");
        await using MachineSample sample = Sample(size);
        if (running)
            await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        ExtentMap[] sets = [RandomSet(new Random(seed), size), ExtentMap.Empty, ExtentMap.Of(new Extent(0, size))];
        await using (BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda"))
        {
            await WriteAsync(session, "vda", MomentIds.New(),
                [("a", sets[0], true, false), ("b", sets[1], true, true), ("c", sets[2], true, false)], CancellationToken.None);
            Assert.Equal([("a", false), ("b", true), ("c", false)], (await session.BitmapsAsync(CancellationToken.None))["vda"].Select(bitmap => (bitmap.Name!, bitmap.Recording)).OrderBy(pair => pair.Item1));
            await AssertNothingLeftAsync(session);
            await session.CloseAsync(CancellationToken.None);
        }

        if (running)
            await new MachineStopper(sample.Place, sample.Domain).StopAsync(force: true, TimeSpan.Zero, CancellationToken.None);
        await using Qcow2Image image = await Qcow2Image.OpenAsync(sample.Image("vda"), CancellationToken.None);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(CancellationToken.None);
        Assert.Equal(["a", "b", "c"], bitmaps.Select(bitmap => bitmap.Name).Order(StringComparer.Ordinal));
        for (int at = 0; at < sets.Length; at++)
        {
            Qcow2Bitmap bitmap = bitmaps.First(one => one.Name == "abc"[at].ToString());
            ExtentMap expected = sets[at].RoundOut(Grain, size);
            Assert.Equal((Grain, expected), (bitmap.Granularity, await image.ReadBitmapAsync(bitmap, CancellationToken.None)));
            if (!bitmap.Auto)
                Assert.Equal(expected, NbdinfoDirty(sample, bitmap.Name));
        }
    }

    [SkippableFact]
    public async Task ATakenNameIsRefusedAndLeavesNothing()
    {
        await using MachineSample sample = Sample(16 << 20);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        await session.Qmp.BitmapAddAsync(session.Disks["vda"].NodeName, "b", persistent: false, Grain, disabled: true, CancellationToken.None);
        await Assert.ThrowsAsync<MomentException>(() => WriteAsync(session, "vda", MomentIds.New(),
            [("a", ExtentMap.Empty, true, false), ("b", ExtentMap.Empty, true, false)], CancellationToken.None));
        Assert.Equal(["b"], (await session.BitmapsAsync(CancellationToken.None))["vda"].Select(bitmap => bitmap.Name!));
        await AssertNothingLeftAsync(session);
        await session.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task BlocksBeyondTheDiskAreRefusedAndLeaveNothing()
    {
        await using MachineSample sample = Sample(16 << 20);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => AuthoredBitmaps.WriteAsync(session, MomentIds.New(), [("vda", ExtentMap.Of(new Extent(16 << 20, 1)))], CancellationToken.None));
        await AssertNothingLeftAsync(session);
        await session.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task WhatADeadProcessLeftIsFoundByItsOperation()
    {
        await using MachineSample sample = Sample(16 << 20);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        string operation = MomentIds.New();
        AuthoredBitmaps left = await AuthoredBitmaps.WriteAsync(session, operation, [("vda", ExtentMap.Of(new Extent(0, Grain)))], CancellationToken.None);
        Assert.Single(left.Bitmaps);
        await Leftovers.RemoveAsync(session, operation, CancellationToken.None);
        await AssertNothingLeftAsync(session);
        await session.CloseAsync(CancellationToken.None);
    }

    // As bitmaps of the disk, in one transaction: all or none.
    private static async Task WriteAsync(
        BlockSession session, string disk, string operationId, IReadOnlyList<(string Bitmap, ExtentMap Blocks, bool Persistent, bool Recording)> bitmaps, CancellationToken cancellation)
    {
        await using AuthoredBitmaps authored = await AuthoredBitmaps.WriteAsync(session, operationId, [.. bitmaps.Select(bitmap => (disk, bitmap.Blocks))], cancellation);
        string node = session.Disks[disk].NodeName;
        await session.Qmp.TransactionAsync(
            bitmaps.Zip(authored.Bitmaps).SelectMany(pair => new[]
            {
                TransactionAction.BitmapAdd(node, pair.First.Bitmap, pair.First.Persistent, Grain, disabled: !pair.First.Recording),
                TransactionAction.BitmapMerge(node, pair.First.Bitmap, [pair.Second]),
            }),
            CancellationToken.None);
    }

    private static MachineSample Sample(long size)
    {
        var sample = new MachineSample("vda");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", sample.Image("vda"), size.ToString(CultureInfo.InvariantCulture));
        return sample;
    }

    private static ExtentMap RandomSet(Random random, long size) => ExtentMap.Of(Enumerable.Range(0, 60).Select(_ =>
    {
        long offset = random.NextInt64(size);
        return new Extent(offset, Math.Min(1 + random.NextInt64(3 * Grain), size - offset));
    }).Append(new Extent(size - 1, 1)));

    private static async Task AssertNothingLeftAsync(BlockSession session)
    {
        Assert.Empty(await session.Qmp.QueryBlockExportsAsync(CancellationToken.None));
        Assert.DoesNotContain(await session.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None), node => node.Driver == "null-co");
    }

    private static ExtentMap NbdinfoDirty(MachineSample sample, string bitmap)
    {
        string socket = sample.Scratch[Guid.NewGuid().ToString("N")[..6]];
        using RealServer server = RealServer.QemuNbd(socket, "-r", "-f", "qcow2", "-B", bitmap, sample.Image("vda"));
        string json = Tool.Run("nbdinfo", $"--map=qemu:dirty-bitmap:{bitmap}", "--json", server.Address.ToUri(""));
        return ExtentMap.Of(JsonDocument.Parse(json).RootElement.EnumerateArray().Where(run => run.GetProperty("type").GetInt32() == 1)
            .Select(run => new Extent(run.GetProperty("offset").GetInt64(), run.GetProperty("length").GetInt64())));
    }
}
