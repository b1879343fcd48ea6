using System.Text.Json;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots of a real running QEMU, read by nbdcopy: what they show, what they leave, and that the guest never suffers.</summary>
public sealed class BlockSnapshotTests
{
    private const long Grain = FleeceMachine.Grain;

    [SkippableFact]
    public async Task AViewStaysWhatItWasWhileTheMachineWritesEverywhere()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await ScatterAsync(machine, 1, 60);
        string before = await fleece.CountAsync();
        VMBlockSnapshot made = await fleece.NewAsync("one");
        Assert.Equal((VMServiceState.Ready, "one", VMServiceOwner.Machine), (made.State, made.Name, made.Owner));
        Assert.All(made.Disks, disk => Assert.Equal(("copy-before-write", TestMachine.DiskSize), (disk.Method, disk.Size)));
        byte[] vda = await fleece.NowAsync("vda"), vdb = await fleece.NowAsync("vdb");
        Task<byte[]> read = Task.Run(() => fleece.ReadAsync("one", "vda"));
        await ScatterAsync(machine, 2, 60);
        AssertSame(vda, await read, "read while it was written");
        AssertSame(vda, await fleece.ReadAsync("one", "vda"), "vda");
        AssertSame(vdb, await fleece.ReadAsync("one", "vdb"), "vdb");
        Assert.NotEqual(vda, await fleece.NowAsync("vda"));
        VMBlockSnapshot shown = await fleece.GetAsync("one");
        Assert.Equal(VMServiceState.Ready, shown.State);
        Assert.All(shown.Disks, disk => Assert.True(disk.ScratchBytes > Grain, $"{disk.ScratchBytes}"));
        await fleece.RemoveAsync("one");
        Assert.Equal(before, await fleece.CountAsync());
        Assert.Equal("running", await fleece.StatusAsync());
        Assert.Empty(machine.Report.Failures);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DiscardsAndZeroesGoThroughToTheDiskAsWithoutIt(bool discard)
    {
        await using var fleece = new FleeceMachine(await TestMachine.CreateAsync(TestMachine.DiskSize, discard, null, ["vda"]));
        TestMachine machine = fleece.Machine;
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await FreeAsync(0);
        byte[] then = await fleece.NowAsync("vda");
        await fleece.NewAsync("one");
        await FreeAsync(4);
        byte[] now = await fleece.NowAsync("vda");
        bool[] stored = Stored(machine.DiskPath("vda"));
        Assert.Equal([!discard, false, true, true], stored[..4]);
        // Beneath any filter, QEMU frees zeroed clusters only where discards are let through.
        Assert.Equal([!discard, !discard, true, true], stored[4..]);
        Assert.Equal(then[..(int)(4 * Grain)], now[(int)(4 * Grain)..(int)(8 * Grain)]);
        AssertSame(then, await fleece.ReadAsync("one", "vda"), "the view");

        async Task FreeAsync(int at)
        {
            await machine.IoAsync("vda", $"discard {at * Grain} {Grain}");
            await machine.IoAsync("vda", $"write -z -u {(at + 1) * Grain} {Grain}");
            await machine.IoAsync("vda", $"write -z {(at + 2) * Grain} {Grain}");
        }

        // Which of the first clusters have a place in the image, by qemu-img.
        static bool[] Stored(string path)
        {
            JsonElement[] runs = [.. JsonDocument.Parse(Tool.Run("qemu-img", "map", "-U", "--output=json", "-f", "qcow2", path)).RootElement.EnumerateArray()];
            return [.. Enumerable.Range(0, 8).Select(cluster => runs.Single(run => run.GetProperty("start").GetInt64() <= cluster * Grain
                && cluster * Grain < run.GetProperty("start").GetInt64() + run.GetProperty("length").GetInt64()).TryGetProperty("offset", out _))];
        }
    }

    [SkippableTheory]
    [InlineData("a", "b", "c")]
    [InlineData("a", "c", "b")]
    [InlineData("b", "a", "c")]
    [InlineData("b", "c", "a")]
    [InlineData("c", "a", "b")]
    [InlineData("c", "b", "a")]
    public async Task OnesAboveEachOtherAreRemovedInAnyOrder(params string[] order)
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string before = await fleece.CountAsync();
        var content = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        for (int index = 0; index < order.Length; index++)
        {
            string name = $"{(char)('a' + index)}";
            await machine.WriteAsync("vda", (byte)(index + 1), index * Grain / 2, 8 * Grain);
            // The middle one shows one disk only.
            await fleece.NewAsync(name, request => name == "b" ? request with { Disks = ["vda"] } : request);
            content[name] = await fleece.NowAsync("vda");
        }

        int written = 10;
        foreach (string name in order)
        {
            await machine.WriteAsync("vda", (byte)written, written * Grain / 4, 6 * Grain + 512);
            written++;
            foreach ((string left, byte[] expected) in content)
                AssertSame(expected, await fleece.ReadAsync(left, "vda"), $"{left} before the removal of {name}");
            await fleece.RemoveAsync(name);
            content.Remove(name);
            Assert.False(File.Exists(Path.Combine(machine.Scratch, $"vda.6f1b2a6e.{name}.scratch.qcow2")), $"the scratch file of {name}");
        }

        Assert.Equal(before, await fleece.CountAsync());
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMachineThatStandsStillStaysSo(bool running)
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync(running: running);
        string before = await fleece.StatusAsync();
        await fleece.NewAsync("one");
        Assert.Equal(before, await fleece.StatusAsync());
        await fleece.RemoveAsync("one");
        Assert.Equal(before, await fleece.StatusAsync());
    }

    [SkippableFact]
    public async Task AFullScratchFileBreaksTheViewAndNotTheGuest()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await machine.WriteAsync("vda", 1, 0, 8 << 20);
        string before = await fleece.CountAsync();
        VMBlockSnapshot made = await fleece.NewAsync("one", request => request with { ScratchLimit = 2 << 20 });
        Assert.All(made.Disks, disk => Assert.Equal(2 << 20, disk.ScratchLimit));
        Assert.Equal(VMServiceState.Ready, (await fleece.GetAsync("one")).State);
        await machine.WriteAsync("vda", 2, 0, 6 << 20);
        VMBlockSnapshot broken = await fleece.GetAsync("one");
        Assert.Equal(VMServiceState.Broken, broken.State);
        Assert.Contains("vda", broken.Reason, StringComparison.Ordinal);
        Assert.Contains("2097152", broken.Reason, StringComparison.Ordinal);
        Assert.Equal([VMServiceState.Broken, VMServiceState.Ready], broken.Disks.Select(disk => disk.State));
        Assert.InRange(broken.Disks[0].ScratchBytes!.Value, Grain, 2 << 20);
        Assert.Equal("running", await fleece.StatusAsync());
        byte[] expected = new byte[TestMachine.DiskSize];
        expected.AsSpan(0, 8 << 20).Fill(1);
        expected.AsSpan(0, 6 << 20).Fill(2);
        await machine.WriteAsync("vda", 3, 20 << 20, Grain);
        expected.AsSpan(20 << 20, (int)Grain).Fill(3);
        AssertSame(expected, await fleece.NowAsync("vda"), "the guest's disk");
        await fleece.RemoveAsync("one");
        Assert.Equal(before, await fleece.CountAsync());
    }

    [SkippableFact]
    public async Task AFullFileSystemUnderTheScratchFileBreaksTheViewAndNotTheGuest()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string directory = Path.Combine(machine.Scratch, "small");
        using SmallFileSystem small = SmallFileSystem.Over(directory, 4);
        await machine.WriteAsync("vda", 1, 0, 8 << 20);
        string before = await fleece.CountAsync();
        await fleece.NewAsync("one", request => request with { ScratchDirectory = directory });
        await machine.WriteAsync("vda", 2, 0, 8 << 20);
        Assert.Equal(VMServiceState.Broken, (await fleece.GetAsync("one")).State);
        Assert.Equal("running", await fleece.StatusAsync());
        Assert.All((await fleece.NowAsync("vda"))[..(8 << 20)], one => Assert.Equal(2, one));
        await fleece.RemoveAsync("one");
        Assert.Equal(before, await fleece.CountAsync());
        Assert.Empty(Directory.EnumerateFiles(directory));
    }

    [SkippableFact]
    public async Task ACheckpointTakenWithItBeginsAtExactlyItsInstant()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await machine.CheckpointAsync("base");
        await ScatterAsync(machine, 3, 20);
        VMBlockSnapshot made = await fleece.NewAsync("one", request => request with { NewCheckpoint = "instant" });
        Assert.Equal("instant", made.Checkpoint);
        await ScatterAsync(machine, 4, 20);
        foreach (string disk in (string[])["vda", "vdb"])
        {
            byte[] then = await fleece.ReadAsync("one", disk), now = await fleece.NowAsync(disk);
            AssertCovers(await machine.ChangesAsync("instant", disk), then, now);
            AssertCovers(await machine.BetweenAsync("base", "instant", disk), new byte[TestMachine.DiskSize], then);
        }

        VMCheckpoint moment = Assert.IsType<VMCheckpoint>(Assert.Single(await machine.MomentsAsync(), moment => moment.Name == "instant"));
        Assert.Equal((made.Created, "base"), (moment.Created, moment.Parent));
        await fleece.RemoveAsync("one");
        Assert.Empty(await machine.TestAsync());
    }

    private static void AssertSame(byte[] expected, byte[] read, string what) => Assert.True(expected.AsSpan().SequenceEqual(read), what);

    // No more than the blocks that differ, rounded out, may be told, and no less: what was written is never what was there.
    private static void AssertCovers(IReadOnlyList<(long Offset, long Length)> told, byte[] then, byte[] now)
    {
        List<(long, long)> differ = [];
        for (long at = 0; at < then.Length; at += Grain)
        {
            if (then.AsSpan((int)at, (int)Grain).SequenceEqual(now.AsSpan((int)at, (int)Grain)))
                continue;
            if (differ.Count > 0 && differ[^1].Item1 + differ[^1].Item2 == at)
                differ[^1] = (differ[^1].Item1, differ[^1].Item2 + Grain);
            else
                differ.Add((at, Grain));
        }

        Assert.NotEmpty(differ);
        Assert.Equal(differ, told);
    }

    // Random writes of all sizes, also across the units of copying; the pattern is never one that was there.
    private static async Task ScatterAsync(TestMachine machine, byte pattern, int writes)
    {
        var random = new Random(pattern);
        for (int write = 0; write < writes; write++)
        {
            long length = 512 * random.Next(1, 500), offset = 512 * random.NextInt64((TestMachine.DiskSize - length) / 512);
            await machine.WriteAsync(write % 2 == 0 ? "vda" : "vdb", pattern, offset, length);
        }
    }
}
