using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Tests.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

public sealed class ClusterViewTests
{
    private const int Size = 16 << 20;
    private const int Unit = 64 << 10;

    /// <summary>
    /// QEMU 7.2 reads what begins in a unit that was copied and ends in one that was not from the disk, and tells of it what the disk tells:
    /// a guest that zeroes makes nothing of data that a reader of the bare snapshot-access node is to have.
    /// </summary>
    [SkippableFact]
    public async Task NothingThatTheGuestWritesOrZeroesLaterIsSeen()
    {
        Tool.Require("nbdcopy", "qemu-io");
        await using var sample = new MachineSample("vda");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 170 0 {Size}", sample.Image("vda"));
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        SessionDisk disk = session.Disks["vda"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", sample.Scratch["scratch"], Size.ToString(CultureInfo.InvariantCulture));
        await AddAsync(session, new JsonObject { ["driver"] = "qcow2", ["node-name"] = "t", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = sample.Scratch["scratch"] } });
        await AddAsync(session, new JsonObject { ["driver"] = "copy-before-write", ["node-name"] = "c", ["file"] = disk.NodeName, ["target"] = "t", ["on-cbw-error"] = "break-snapshot" });
        await session.Qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = disk.QomPath, ["property"] = "drive", ["value"] = "c" }, CancellationToken.None);
        await AddAsync(session, new JsonObject { ["driver"] = "snapshot-access", ["node-name"] = "s", ["file"] = "c" });
        await ClusterView.AddAsync(session.Jobs, sample.Scratch["view"], sample.Image("vda"), "a", "s", Size, CancellationToken.None);
        Assert.False(File.Exists(sample.Scratch["view"]));

        var random = new Random(1);
        for (int i = 0; i < 40; i++)
        {
            long offset = random.Next(Size / 512 - 1024) * 512L;
            string how = random.Next(2) == 0 ? "write -q -z" : "write -q -P 7";
            await session.Qmp.HumanMonitorAsync($"qemu-io -d {disk.QomPath} \"{how} {offset} {random.Next(1, 800) * 512L}\"");
        }

        string socket = sample.Scratch["nbd"], read = sample.Scratch["read"];
        await session.Qmp.ExecuteAsync("nbd-server-start", new JsonObject { ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = socket } } }, CancellationToken.None);
        await session.Qmp.ExecuteAsync("block-export-add", new JsonObject { ["type"] = "nbd", ["id"] = "e", ["node-name"] = "a", ["name"] = "vda" }, CancellationToken.None);
        Tool.Run("nbdcopy", $"nbd+unix:///vda?socket={socket}", read);
        Assert.Equal(-1, File.ReadAllBytes(read).AsSpan().IndexOfAnyExcept((byte)170));
        // A read in one piece, as of a client that knows no structured replies.
        await session.Qmp.HumanMonitorAsync($"qemu-io a \"read -q -P 170 0 {Size}\"");
    }

    [Theory]
    [InlineData(1 << 20, 64 << 10)]
    [InlineData(512L << 30, 64 << 10)]
    [InlineData((512L << 30) + 512, 128 << 10)]
    [InlineData(2L << 40, 128 << 10)]
    [InlineData(30L << 40, 512 << 10)]
    [InlineData(400L << 40, 2 << 20)]
    public void TheUnitGrowsWithTheDisk(long size, long unit) => Assert.Equal(unit, ClusterView.UnitOf(size));

    [SkippableFact]
    public async Task LargeDisksHaveViewsToo()
    {
        await using var sample = new MachineSample("vda");
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        foreach (long size in (long[])[512L << 30, (512L << 30) + Unit, 100L << 40])
        {
            await AddAsync(session, new JsonObject { ["driver"] = "null-co", ["node-name"] = "s", ["size"] = size, ["read-zeroes"] = true });
            await ClusterView.AddAsync(session.Jobs, sample.Scratch["view"], sample.Image("vda"), "a", "s", size, CancellationToken.None);
            Assert.Equal(size, (await session.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Single(node => node.NodeName == "a").VirtualSize);
            await session.Qmp.BlockdevDelAsync("a", CancellationToken.None);
            await session.Qmp.BlockdevDelAsync("s", CancellationToken.None);
        }
    }

    private static Task AddAsync(BlockSession session, JsonObject node) => session.Qmp.BlockdevAddAsync(node, CancellationToken.None);
}
