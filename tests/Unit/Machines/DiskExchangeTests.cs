using System.Globalization;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class DiskExchangeTests
{
    private const string Prefix = "mt-0123456789a";
    private const int Grain = 65536;

    [SkippableFact]
    public async Task DisksOfARunningMachineChangeTheirChainsAndComeBack()
    {
        await using var sample = new MachineSample("vda", "vdb");
        // Two tips on each base; the machine is started on the first.
        (string First, string Second)[] tips = [.. ((string[])["vda", "vdb"]).Select(disk => (Overlay(sample, disk, "one"), Overlay(sample, disk, "two")))];
        sample.Domain = sample.Domain.WithDiskSource("vda", tips[0].First, "qcow2").WithDiskSource("vdb", tips[1].First, "qcow2");
        DomainDocument other = sample.Domain.WithDiskSource("vda", tips[0].Second, "qcow2").WithDiskSource("vdb", tips[1].Second, "qcow2");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: false, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda", "vdb");
        int bases = (await OpenChain.NodesAsync(session.Qmp, CancellationToken.None)).Count;
        await session.Qmp.BitmapAddAsync(session.Disks["vda"].NodeName, "recording", persistent: true, Grain, disabled: false, CancellationToken.None);
        await WriteAsync(session, "vda", 1, 0);
        await WriteAsync(session, "vdb", 2, Grain);

        await ExchangeAsync(session, sample, Prefix + "1", sample.Domain, other);
        Assert.Equal(tips[0].Second, await PathAsync(session, "vda"));
        Assert.Equal(bases, (await OpenChain.NodesAsync(session.Qmp, CancellationToken.None)).Count);
        await WriteAsync(session, "vda", 3, Grain);
        // What was left is closed: anybody may read it, its bitmap is stored, and goes on recording when it is opened again.
        Assert.Contains("recording", Tool.Run("qemu-img", "info", "--output=json", tips[0].First), StringComparison.Ordinal);
        AssertHolds(tips[0].First, 1, 0);
        AssertHolds(tips[1].First, 2, Grain);

        sample.Domain = other;
        await using (BlockSession again = await ReopenAsync(session, sample))
        {
            DomainDocument first = sample.Domain.WithDiskSource("vda", tips[0].First, "qcow2").WithDiskSource("vdb", tips[1].First, "qcow2");
            await ExchangeAsync(again, sample, Prefix + "2", sample.Domain, first);
            AssertHolds(tips[0].Second, 3, Grain);
            AssertHolds(tips[0].Second, 0, 0);
            Assert.True((await again.Qmp.QueryStatusAsync(CancellationToken.None)).Running);
            QmpBlockDevice device = (await again.Qmp.QueryBlockAsync(CancellationToken.None)).First(one => one.QomPath == again.Disks["vda"].QomPath);
            QmpDirtyBitmap bitmap = Assert.Single(device.Inserted!.DirtyBitmaps);
            Assert.Equal(("recording", true, (long)Grain), (bitmap.Name, bitmap.Recording, bitmap.Count));
        }
    }

    [SkippableFact]
    public async Task ADeviceThatRefusesLeavesAllOnTheirOldImages()
    {
        await using var sample = new MachineSample("vda", "vdb");
        // An image that another device of the machine writes to is one that a second device is refused.
        sample.CreateImage("other");
        sample.CreateImage("free");
        sample.Domain = DomainDocument.Parse(sample.Xml("vda", "vdb", "other"), "the test");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda", "vdb");
        DomainDocument wanted = sample.Domain.WithDiskSource("vda", sample.Image("free"), "qcow2").WithDiskSource("vdb", sample.Image("other"), "qcow2");
        DiskExchange exchange = await PrepareAsync(session, sample, Prefix + "1", sample.Domain, wanted);
        await exchange.OpenAsync(CancellationToken.None);
        await Expect.FailsAsync(DiskErrors.DiskNotExchangeable, exchange.SwapAsync);
        Assert.Equal(sample.Image("vda"), await PathAsync(session, "vda"));
        await DiskExchange.CloseNewAsync(session.Qmp, Prefix + "1");
        Assert.DoesNotContain(await OpenChain.NodesAsync(session.Qmp, CancellationToken.None), node => node.Name.StartsWith(Prefix, StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task AChainOfTwoHundredLayersStartsAndIsExchanged()
    {
        await using var sample = new MachineSample("vda");
        string top = sample.Image("vda");
        for (int layer = 1; layer < 200; layer++)
        {
            string next = sample.Scratch[$"l{layer.ToString(CultureInfo.InvariantCulture)}"];
            Qcow2Layer(next, top);
            top = next;
        }

        string second = sample.Scratch["second"];
        Qcow2Layer(second, sample.Scratch["l198"]);
        sample.Domain = sample.Domain.WithDiskSource("vda", top, "qcow2");
        DomainDocument other = sample.Domain.WithDiskSource("vda", second, "qcow2");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: false, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        int before = (await OpenChain.NodesAsync(session.Qmp, CancellationToken.None)).Count;
        await ExchangeAsync(session, sample, Prefix + "1", sample.Domain, other);
        Assert.Equal(second, await PathAsync(session, "vda"));
        Assert.Equal(before, (await OpenChain.NodesAsync(session.Qmp, CancellationToken.None)).Count);
    }

    private static string Overlay(MachineSample sample, string disk, string name)
    {
        string path = sample.Scratch[$"{disk}.{name}.qcow2"];
        Qcow2Layer(path, sample.Image(disk));
        return path;
    }

    private static void Qcow2Layer(string path, string below) => Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", below, "-F", "qcow2", path, "16M");

    private static Task<DiskExchange> PrepareAsync(BlockSession session, MachineSample sample, string prefix, DomainDocument from, DomainDocument to) => DiskExchange.PrepareAsync(
        session.Qmp, sample.Place.Name, prefix, [.. session.Disks.Values.Select(disk => (from.FindDisk(disk.Name)!, to.FindDisk(disk.Name)!, disk.QomPath!, (DriverOptions?)null))], CancellationToken.None);

    private static async Task ExchangeAsync(BlockSession session, MachineSample sample, string prefix, DomainDocument from, DomainDocument to)
    {
        DiskExchange exchange = await PrepareAsync(session, sample, prefix, from, to);
        await exchange.OpenAsync(CancellationToken.None);
        await session.Qmp.StopAsync(CancellationToken.None);
        await exchange.SwapAsync();
        // Asked for again it changes nothing: QEMU would abort.
        await exchange.SwapAsync();
        await MachineReset.RunAsync(session.Qmp, endsAtReset: false, CancellationToken.None);
        await session.Qmp.ContAsync(CancellationToken.None);
        await DiskExchange.CloseOldAsync(session.Qmp, exchange.Disks);
    }

    private static async Task<BlockSession> ReopenAsync(BlockSession session, MachineSample sample)
    {
        await session.CloseAsync(CancellationToken.None);
        return await sample.OpenAsync(BlockAccess.Change, "vda", "vdb");
    }

    private static async Task<string> PathAsync(BlockSession session, string disk)
    {
        QmpBlockDevice device = (await session.Qmp.QueryBlockAsync(CancellationToken.None)).First(one => one.QomPath == session.Disks[disk].QomPath);
        return NodeFile.Of(device.Inserted!.File);
    }

    private static async Task WriteAsync(BlockSession session, string disk, byte pattern, long offset)
    {
        QmpBlockDevice device = (await session.Qmp.QueryBlockAsync(CancellationToken.None)).First(one => one.QomPath == session.Disks[disk].QomPath);
        await session.Qmp.HumanMonitorAsync(string.Create(CultureInfo.InvariantCulture, $"qemu-io -d {device.QomPath} \"write -q -P {pattern} {offset} {Grain}\""));
    }

    private static void AssertHolds(string path, byte pattern, long offset) =>
        Assert.DoesNotContain("Pattern", Tool.Run("qemu-io", "-r", "-f", "qcow2", "-c", string.Create(CultureInfo.InvariantCulture, $"read -P {pattern} {offset} {Grain}"), path), StringComparison.Ordinal);
}
