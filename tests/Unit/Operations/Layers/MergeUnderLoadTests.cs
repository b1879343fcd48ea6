using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations;
using MomentTools.Operations.Layers;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>
/// Merging the layer that is written all the time, in QEMU's storage daemon, which takes writes through an export as a guest's device would give
/// them: QEMU's own qemu-io would wait in the very thread that has to end the job.
/// </summary>
public sealed class MergeUnderLoadTests
{
    private const long Size = 64 << 20;
    private const long Grain = TrackingProof.Granularity;

    [SkippableFact]
    public async Task NoWriteIsMissedByTheBitmapThatGoesOn()
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        string below = scratch["base.qcow2"], above = scratch["top.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", below, "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 170 0 64M", below);
        Tool.Run("qemu-img", "bitmap", "--add", "-g", "65536", below, "mt-old");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", above);
        Tool.Run("qemu-img", "bitmap", "--add", "-g", "65536", above, "recording");
        Tool.Run("qemu-img", "bitmap", "--add", "--disable", "-g", "65536", above, TrackingTip.MarkerPrefix + "tip");
        DiskTracking tracking = new DiskTracking { Disk = "vda" }.Freeze(
            new MomentKey(MomentKind.Snapshot, "s"), new TrackingLayer("base", below, null), new TrackingLayer("top", above, "base"), Size, [], "recording", "point", "tip");
        var bitmaps = new MergedBitmaps(tracking, tracking.Layers["top"], "mt-new", "newtip");
        int written;
        await using (StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None))
        {
            var jobs = new QmpJobs(daemon.Qmp);
            await daemon.Qmp.BlockdevAddAsync(Node("b", below, null, readOnly: true), CancellationToken.None);
            await daemon.Qmp.BlockdevAddAsync(Node("t", above, "b", readOnly: false), CancellationToken.None);
            using var stop = new CancellationTokenSource();
            await using (var exports = new SessionExports(daemon.Qmp, scratch["r"]))
            await using (NbdClient client = await exports.ConnectAsync("t", [], [], CancellationToken.None, writable: true))
            {
                int count = 0;
                Task<int> writer = Task.Run(async () =>
                {
                    var random = new Random(7);
                    for (; !stop.IsCancellationRequested; Interlocked.Increment(ref count))
                        await client.WriteZeroesAsync(random.Next((int)(Size / Grain)) * Grain, Grain, CancellationToken.None);
                    return count;
                });
                string? before = null;
                await PendingJob.ReachAsync(jobs, "mt-c", token => daemon.Qmp.BlockCommitAsync("mt-c", "t", null, "b", null, token), RemoveOldAsync, null, CancellationToken.None);
                ChainNodes nodes = await ChainNodes.ReadAsync(daemon.Qmp, "vda", CancellationToken.None);
                Assert.Equal("ready", before);
                Assert.Empty(MergedBitmaps.Removals(nodes.Require(below), new HashSet<string>()));
                await daemon.Qmp.TransactionAsync(bitmaps.Additions(nodes.Require(above), nodes.Require(below)), CancellationToken.None);
                await PendingJob.FinishAsync(jobs, "mt-c");
                // For a while it goes on alone, however slowly.
                int soon = Volatile.Read(ref count) + 100;
                while (Volatile.Read(ref count) < soon && !writer.IsCompleted)
                    await Task.Delay(10);
                await stop.CancelAsync();
                written = await writer;
                await client.FlushAsync(CancellationToken.None);

                // While writes still go on.
                async Task RemoveOldAsync()
                {
                    TransactionAction[] old = [.. MergedBitmaps.Removals((await ChainNodes.ReadAsync(daemon.Qmp, "vda", CancellationToken.None)).Require(below), new HashSet<string>())];
                    Assert.Single(old);
                    await daemon.Qmp.TransactionAsync(old, CancellationToken.None);
                    before = (await jobs.QueryAsync(CancellationToken.None)).Single(job => job.Id == "mt-c").Status;
                }
            }

            await daemon.CloseAsync(CancellationToken.None);
        }

        string raw = scratch["raw"];
        Tool.Run("qemu-img", "convert", "-O", "raw", below, raw);
        byte[] content = await File.ReadAllBytesAsync(raw);
        await using Qcow2Image image = await Qcow2Image.OpenAsync(below, CancellationToken.None);
        Qcow2Bitmap recorded = (await image.BitmapsAsync(CancellationToken.None)).Single(bitmap => bitmap.Name == "mt-new");
        ExtentMap said = await image.ReadBitmapAsync(recorded, CancellationToken.None);
        int changed = 0;
        for (long at = 0; at < Size; at += Grain)
            if (content[at] == 0)
            {
                changed++;
                Assert.Equal(Grain, said.Intersect(ExtentMap.Of(new Extent(at, Grain))).TotalLength);
            }

        Assert.True(written > 50 && changed > 20, $"only {written} writes to {changed} blocks: nothing was tried");
    }

    private static JsonObject Node(string name, string path, string? backing, bool readOnly)
    {
        var file = new JsonObject { ["driver"] = "file", ["filename"] = path, ["node-name"] = name + "-f" };
        if (readOnly)
            file["auto-read-only"] = true;
        return new JsonObject { ["driver"] = "qcow2", ["node-name"] = name, ["read-only"] = readOnly, ["file"] = file, ["backing"] = backing };
    }
}
