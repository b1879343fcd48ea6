using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Layers;

public sealed class RawBaseTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALayerIsMergedIntoARawImageWhichRecordsNothing(bool running)
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon", "qemu-system-x86_64");
        using var scratch = new ScratchDirectory();
        var report = new TestReport();
        var engine = new MomentEngine(new MomentEngineOptions { StateRoot = scratch["state"], RuntimeRoot = scratch["run"], LockTimeout = TimeSpan.FromMinutes(2) });
        string raw = scratch["disk.raw"];
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", raw, "16M");
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 1 0 1M", raw);
        await engine.RegisterDomainAsync(
            new RegisterDomainRequest
            {
                Xml = $"<domain type='qemu'><name>r</name><uuid>{Guid.NewGuid():D}</uuid><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{raw}'/><target dev='vda' bus='virtio'/></disk></devices></domain>",
            },
            report, CancellationToken.None);
        await engine.CreateSnapshotAsync("r", new CreateSnapshotRequest { Name = "s" }, report, CancellationToken.None);
        string overlay = (await engine.GetDomainAsync("r", report, CancellationToken.None)).Disks[0].Path!;
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 2 512k 1M", overlay);
        if (running)
            await engine.StartDomainAsync("r", paused: true, report, CancellationToken.None);
        try
        {
            await engine.CreateCheckpointAsync("r", new CreateCheckpointRequest { Name = "c" }, report, CancellationToken.None);
            await engine.RemoveSnapshotsAsync("r", new RemoveSnapshotRequest { Name = "s", UndoFor = TimeSpan.Zero }, report, CancellationToken.None);
            Assert.Equal(raw, (await engine.GetDomainAsync("r", report, CancellationToken.None)).Disks[0].Path);
            Assert.False(File.Exists(overlay));
            Assert.Contains(report.Warnings, warning => warning.Contains("can hold no bitmaps", StringComparison.Ordinal));
        }
        finally
        {
            if (running)
                await engine.StopDomainAsync("r", force: true, TimeSpan.FromSeconds(20), report, CancellationToken.None);
        }

        byte[] content = await File.ReadAllBytesAsync(raw);
        Assert.Equal(16 << 20, content.Length);
        Assert.All(content[..(512 << 10)], value => Assert.Equal(1, value));
        Assert.All(content[(512 << 10)..(1536 << 10)], value => Assert.Equal(2, value));
        Assert.Single(await engine.GetMomentsAsync("r", new MomentQuery(), report, CancellationToken.None));
    }
}
