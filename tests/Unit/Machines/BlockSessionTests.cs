using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Nbd;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class BlockSessionTests
{
    [SkippableFact]
    public async Task ARunningAndAStoppedMachineShowTheSameBitmaps()
    {
        await using var sample = new MachineSample("vda", "vdb");
        await using (BlockSession stopped = await sample.OpenAsync(BlockAccess.Change, "vda", "vdb"))
        {
            Assert.False(stopped.IsMachine);
            Assert.Equal(16 << 20, stopped.Disks["vdb"].VirtualSize);
            Assert.Null(stopped.Disks["vdb"].QomPath);
            await stopped.Qmp.BitmapAddAsync(stopped.Disks["vda"].NodeName, "a", persistent: true, granularity: 4096, disabled: false, CancellationToken.None);
            await stopped.CloseAsync(CancellationToken.None);
        }

        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using (BlockSession running = await sample.OpenAsync(BlockAccess.Change, "vda", "vdb"))
        {
            Assert.True(running.IsMachine);
            Assert.Equal("/machine/peripheral/mt-vda/virtio-backend", running.Disks["vda"].QomPath);
            await MachineSample.WriteAsync(running, "vda", 0, 8192);
            // Queries need not wait for a change.
            await using BlockSession second = await sample.OpenAsync(BlockAccess.Read, "vda");
            IReadOnlyDictionary<string, IReadOnlyList<QmpDirtyBitmap>> bitmaps = await running.BitmapsAsync(CancellationToken.None);
            Assert.Equal(new QmpDirtyBitmap("a", 8192, 4096, Recording: true, Busy: false, Persistent: true, Inconsistent: false), Assert.Single(bitmaps["vda"]));
            Assert.Empty(bitmaps["vdb"]);
            Assert.Equal(["vda"], (await second.BitmapsAsync(CancellationToken.None)).Keys);
            await second.CloseAsync(CancellationToken.None);
            await running.CloseAsync(CancellationToken.None);
        }

        await new MachineStopper(sample.Place, sample.Domain).StopAsync(force: true, TimeSpan.Zero, CancellationToken.None);
        await using BlockSession reader = await sample.OpenAsync(BlockAccess.Read, "vda");
        QmpDirtyBitmap kept = Assert.Single((await reader.BitmapsAsync(CancellationToken.None))["vda"]);
        Assert.Equal(("a", 8192L), (kept.Name, kept.Count));
        await reader.CloseAsync(CancellationToken.None);
        Assert.Empty(sample.Left());
        Assert.Empty(sample.Processes());
    }

    [SkippableFact]
    public async Task OpeningOnARunningMachineIsQuick()
    {
        await using var sample = new MachineSample("vda");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await Quick.WithinAsync(TimeSpan.FromMilliseconds(100), async () =>
        {
            await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        });
    }

    [SkippableFact]
    public async Task ReadersChangeNothingAndDoNotExcludeEachOther()
    {
        await using var sample = new MachineSample("vda");
        Tool.Run("qemu-img", "bitmap", "--add", "--disable", sample.Image("vda"), "a");
        byte[] before = await File.ReadAllBytesAsync(sample.Image("vda"));
        await using BlockSession one = await sample.OpenAsync(BlockAccess.Read, "vda");
        await using BlockSession two = await sample.OpenAsync(BlockAccess.Read, "vda");
        // A private copy is all that a reader makes.
        string node = two.Disks["vda"].NodeName;
        await two.Qmp.BitmapAddAsync(node, "copy", persistent: false, granularity: null, disabled: true, CancellationToken.None);
        await two.Qmp.TransactionAsync([TransactionAction.BitmapMerge(node, "copy", [new BitmapRef(node, "a")])], CancellationToken.None);
        Assert.Equal(2, (await two.BitmapsAsync(CancellationToken.None))["vda"].Count);
        await one.CloseAsync(CancellationToken.None);
        await two.CloseAsync(CancellationToken.None);
        Assert.Equal(before, await File.ReadAllBytesAsync(sample.Image("vda")));
    }

    [SkippableFact]
    public async Task ChainsAreOpenedWithTheLowerLayersReadOnly()
    {
        await using var sample = new MachineSample("vda");
        File.Move(sample.Image("vda"), sample.Scratch["base.qcow2"]);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", sample.Image("vda"));
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        IReadOnlyList<QmpBlockNode> nodes = await session.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None);
        Assert.False(nodes.Single(node => node.NodeName == "mt-vda").ReadOnly);
        Assert.True(nodes.Single(node => node.NodeName == "mt-vda-1").ReadOnly);
        await session.CloseAsync(CancellationToken.None);
    }

    [SkippableTheory]
    [InlineData("compat=0.10", "qcow2")]
    [InlineData(null, "raw")]
    public async Task OldAndRawImagesOpen(string? option, string format)
    {
        await using var sample = new MachineSample("vda");
        Tool.Run("qemu-img", ["create", "-q", "-f", format, .. option is null ? (string[])[] : ["-o", option], sample.Image("vda"), "8M"]);
        sample.Domain = sample.Domain.WithDiskSource("vda", sample.Image("vda"), format);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        Assert.Equal((format, 8L << 20), (session.Disks["vda"].Format, session.Disks["vda"].VirtualSize));
        await session.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task WhatIsWrongWithADiskIsSaid()
    {
        await using var sample = new MachineSample("vda");
        await Expect.FailsAsync(XmlErrors.DiskNotInDomain, () => sample.OpenAsync(BlockAccess.Read, "vdx"));
        DomainDocument With(string source, string type = "type='qcow2'") => DomainDocument.Parse(sample.Xml("vda").Replace(sample.Image("vda"), source, StringComparison.Ordinal).Replace("type='qcow2'", type, StringComparison.Ordinal), "it");
        async Task Refused(ErrorId id, DomainDocument domain) =>
            await Expect.FailsAsync(id, () => BlockSession.OpenAsync(sample.Place, domain, ["vda"], BlockAccess.Read, CancellationToken.None));

        await Refused(DiskErrors.DiskMissing, With("/nowhere/a.qcow2"));
        await Refused(DiskErrors.DiskPathRelative, With("a.qcow2"));
        await Refused(DiskErrors.DiskFormatUnknown, With(sample.Image("vda"), ""));
        await Refused(DiskErrors.DiskFormatUnsupported, With(sample.Image("vda"), "type='vmdk'"));
        await Refused(DiskErrors.DiskWithoutFile, With(""));
        await File.WriteAllTextAsync(sample.Scratch["junk"], new string('x', 100_000));
        await Refused(Qcow2Errors.Qcow2NotRecognised, With(sample.Scratch["junk"]));
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "gone", "-F", "qcow2", sample.Scratch["over"], "1M");
        await Refused(DiskErrors.DiskMissing, With(sample.Scratch["over"]));
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "over", "-F", "qcow2", sample.Scratch["over"], "1M");
        await Refused(Qcow2Errors.Qcow2ChainLoop, With(sample.Scratch["over"]));
        Assert.Empty(sample.Left());
        Assert.Empty(sample.Processes());
    }

    [SkippableFact]
    public async Task AnImageInUseIsNamedWithItsHolder()
    {
        await using var sample = new MachineSample("vda");
        await using BlockSession holder = await sample.OpenAsync(BlockAccess.Change, "vda");
        MomentException failure = await Expect.FailsAsync(DiskErrors.DiskLocked, () => sample.OpenAsync(BlockAccess.Change, "vda"));
        Assert.Contains(sample.Image("vda"), failure.Message, StringComparison.Ordinal);
        Assert.Contains("qemu-storage-d", failure.Message, StringComparison.Ordinal);
        Assert.Equal("GenericError", failure.PeerErrorClass);
        await holder.CloseAsync(CancellationToken.None);
        Assert.Empty(sample.Processes());
    }

    [SkippableFact]
    public async Task ADiskThatSomebodySwitchedIsRefused()
    {
        await using var sample = new MachineSample("vda");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        sample.CreateImage("other");
        sample.Domain = sample.Domain.WithDiskSource("vda", sample.Image("other"), "qcow2");
        MomentException failure = await Expect.FailsAsync(DiskErrors.DiskChanged, () => sample.OpenAsync(BlockAccess.Change, "vda"));
        Assert.Contains(sample.Image("vda"), failure.Message, StringComparison.Ordinal);
        Assert.Contains(sample.Image("other"), failure.Message, StringComparison.Ordinal);
        // The refused session has let the monitor go.
        sample.Domain = sample.Domain.WithDiskSource("vda", sample.Image("vda"), "qcow2");
        await using BlockSession again = await sample.OpenAsync(BlockAccess.Change, "vda");
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ExportsServeBitmapsAndGoWithTheirOwner(bool running)
    {
        await using var sample = new MachineSample("vda");
        if (running)
            await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        string node = session.Disks["vda"].NodeName;
        await session.Qmp.BitmapAddAsync(node, "mt-copy", persistent: false, granularity: null, disabled: true, CancellationToken.None);
        await using (SessionExports exports = session.OpenExports(CancellationToken.None))
        {
            string context = "qemu:dirty-bitmap:mt-copy";
            NbdClient client = await exports.ConnectAsync(node, [new BitmapRef(node, "mt-copy")], [context], CancellationToken.None);
            Assert.Equal(16 << 20, client.Length);
            Assert.True(client.ReadOnly);
            Assert.Empty((await client.ReadDirtyBitmapAsync(context, CancellationToken.None)).ToArray());
            await client.FlushAsync(CancellationToken.None);
            await using NbdClient second = await exports.ConnectAsync(node, [], [], CancellationToken.None);
        }

        // Busy bitmaps could not be removed.
        await session.Qmp.BitmapRemoveAsync(node, "mt-copy", CancellationToken.None);
        Assert.Empty(await session.Qmp.QueryBlockExportsAsync(CancellationToken.None));
        Assert.DoesNotContain(sample.Left(), name => name.StartsWith("mt-nbd-", StringComparison.Ordinal));
        await session.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task TheServerIsSharedBetweenSessionsAndStoppedByTheLast()
    {
        await using var sample = new MachineSample("vda");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using BlockSession one = await sample.OpenAsync(BlockAccess.Change, "vda");
        await using BlockSession two = await sample.OpenAsync(BlockAccess.Read, "vda");
        SessionExports first = one.OpenExports(CancellationToken.None);
        SessionExports second = two.OpenExports(CancellationToken.None);
        await first.ConnectAsync(one.Disks["vda"].NodeName, [], [], CancellationToken.None);
        NbdClient client = await second.ConnectAsync(two.Disks["vda"].NodeName, [], [], CancellationToken.None);
        await first.DisposeAsync();
        await client.ReadAsync(0, new byte[512], CancellationToken.None);
        await second.DisposeAsync();
        Assert.DoesNotContain(sample.Left(), name => name.StartsWith("mt-nbd-", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task ExportsOfADeadProcessAreRemoved()
    {
        await using var sample = new MachineSample("vda");
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda");
        string node = session.Disks["vda"].NodeName;
        await session.Qmp.NbdServerStartUnixAsync(Path.Combine(sample.Place.RuntimeDirectory, "mt-nbd-0"), null, CancellationToken.None);
        await session.Qmp.BlockExportAddAsync($"mt-x-{int.MaxValue}-1", node, "dead", [], writable: false, CancellationToken.None);
        await session.Qmp.BlockExportAddAsync($"mt-x-{Environment.ProcessId}-1", node, "alive", [], writable: false, CancellationToken.None);
        await using SessionExports exports = session.OpenExports(CancellationToken.None);
        await exports.ConnectAsync(node, [], [], CancellationToken.None);
        string[] left = [.. (await session.Qmp.QueryBlockExportsAsync(CancellationToken.None)).Select(export => export.Id)];
        Assert.Equal(2, left.Length);
        Assert.Contains($"mt-x-{Environment.ProcessId}-1", left);
        Assert.DoesNotContain($"mt-x-{int.MaxValue}-1", left);
    }
}
