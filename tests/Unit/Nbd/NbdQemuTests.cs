using System.Text.Json;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>Against QEMU's own servers, with QEMU's and libnbd's tools as judges.</summary>
public sealed class NbdQemuTests : IDisposable
{
    private const string Bitmap = "qemu:dirty-bitmap:b0";
    private const long Size = 64L << 20;

    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [SkippableFact]
    public async Task EveryByteIsReadOverUnixAndTcp()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        byte[] expected = MakeDisk();
        using RealServer onUnix = RealServer.QemuNbd(_scratch["n"], "-r", "-f", "qcow2", _scratch["d.qcow2"]);
        using RealServer onTcp = RealServer.QemuNbdOnTcp("-r", "-f", "qcow2", "-x", "vda", "--shared=4", _scratch["d.qcow2"]);
        foreach ((NbdAddress address, string name) in new[] { (onUnix.Address, ""), (onTcp.Address, "vda") })
        {
            await using NbdClient client = await NbdClient.ConnectAsync(address, name, [NbdContext.BaseAllocation], FakeServer.Limit());
            Assert.Equal((Size, true, 32u << 20), (client.Length, client.ReadOnly, client.BlockSizes.Maximum));
            byte[] whole = new byte[Size];
            await client.ReadAsync(0, whole, FakeServer.Limit());
            Assert.True(expected.AsSpan().SequenceEqual(whole));
            await RandomReadsAsync(client, expected);
            await client.FlushAsync(FakeServer.Limit());
        }
    }

    [SkippableFact]
    public async Task AllocationIsWhatNbdinfoSees()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io", "nbdinfo");
        MakeDisk();
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "--shared=2", "-f", "qcow2", _scratch["d.qcow2"]);
        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation], FakeServer.Limit());
        List<NbdStatusExtent> extents = await client.BlockStatusAsync(NbdContext.BaseAllocation, 0, Size, FakeServer.Limit()).ToListAsync();
        Assert.Equal(NbdinfoMap(server.Address, ""), extents);
        Assert.True(extents.Count > 10);

        List<BlockStatus> statuses = await client.StatusAsync(0, Size, FakeServer.Limit()).ToListAsync();
        Assert.Equal(
            ExtentMap.Of(extents.Where(extent => (extent.Flags & NbdContext.StateZero) == 0).Select(extent => new Extent(extent.Offset, extent.Length))),
            ExtentMap.Of(statuses.Where(status => status.Kind == BlockKind.Data).Select(status => new Extent(status.Offset, status.Length))));
    }

    [SkippableFact]
    public async Task ADirtyBitmapIsExactlyWhatWasWritten()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io", "nbdinfo");
        MakeDisk();
        Tool.Run("qemu-img", "bitmap", "--add", _scratch["d.qcow2"], "b0");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 9 100k 1k", "-c", "write -P 9 10M 200k", "-c", $"write -P 9 {Size - 512} 512", _scratch["d.qcow2"]);
        Tool.Run("qemu-img", "bitmap", "--disable", _scratch["d.qcow2"], "b0");
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "--shared=2", "-f", "qcow2", "-B", "b0", _scratch["d.qcow2"]);
        Assert.Contains(Bitmap, await NbdClient.ListContextsAsync(server.Address, "", FakeServer.Limit()));

        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation, Bitmap], FakeServer.Limit());
        ExtentMap dirty = await client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit());
        Assert.Equal([new(64 << 10, 64 << 10), new(10 << 20, 256 << 10), new(Size - 65536, 65536)], dirty);
        Assert.Equal(
            NbdinfoMap(server.Address, Bitmap), await client.BlockStatusAsync(Bitmap, 0, Size, FakeServer.Limit()).ToListAsync());
    }

    [SkippableFact]
    public async Task TwoHundredThousandDirtyExtentsComeQuickly()
    {
        Tool.Require("qemu-img", "qemu-storage-daemon");
        const int Extents = 200_000;
        string disk = _scratch["big.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", disk, $"{Extents * 2L * 512}");
        using RealServer server = RealServer.OnUnix(_scratch["n"], "qemu-storage-daemon",
            "--blockdev", $"driver=file,node-name=f,filename={disk}", "--blockdev", "driver=qcow2,node-name=d,file=f",
            "--chardev", $"socket,id=m,path={_scratch["q"]},server=on,wait=off", "--monitor", "chardev=m", "--nbd-server", $"addr.type=unix,addr.path={_scratch["n"]}");
        await TinyQmp.RunAsync(_scratch["q"],
            """{"execute":"block-dirty-bitmap-add","arguments":{"node":"d","name":"b0","granularity":512}}""",
            """{"execute":"block-export-add","arguments":{"type":"nbd","id":"w","node-name":"d","name":"w","writable":true}}""");
        await using (var writer = await ZeroWriter.ConnectAsync(_scratch["n"], "w"))
            await writer.WriteEveryOtherSectorAsync(Extents);
        await TinyQmp.RunAsync(_scratch["q"],
            """{"execute":"block-dirty-bitmap-disable","arguments":{"node":"d","name":"b0"}}""",
            """{"execute":"block-export-add","arguments":{"type":"nbd","id":"r","node-name":"d","name":"r","bitmaps":["b0"]}}""");

        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "r", [Bitmap], FakeServer.Limit());
        await Quick.WithinAsync(TimeSpan.FromSeconds(2), async () =>
        {
            ExtentMap dirty = await client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit());
            Assert.Equal((Extents, Extents * 512L), (dirty.Count, dirty.TotalLength));
        });
    }

    [SkippableFact]
    public async Task AnUnknownExportIsNotFoundAndTheListIsTold()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        MakeDisk();
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "--shared=4", "-f", "qcow2", "-x", "vda", "-D", "the first disk", _scratch["d.qcow2"]);
        Assert.Equal([new NbdExport("vda", "the first disk")], await NbdClient.ListAsync(server.Address, FakeServer.Limit()));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => NbdClient.ConnectAsync(server.Address, "vdb", [], FakeServer.Limit()));
        Assert.Equal("NbdExportNotFound", failure.ErrorId.Name);
        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<MomentException>(
            () => NbdClient.ConnectAsync(server.Address, "vdb", [NbdContext.BaseAllocation], FakeServer.Limit()));
        Assert.Equal("NbdExportNotFound", failure.ErrorId.Name);
    }

    [SkippableFact]
    public async Task AServerThatWantsTlsIsNamed()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        MakeDisk();
        File.WriteAllText(_scratch["keys.psk"], "user:" + new string('a', 64) + "\n");
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "-f", "qcow2",
            "--object", $"tls-creds-psk,id=t,endpoint=server,dir={_scratch.Path}", "--tls-creds", "t", _scratch["d.qcow2"]);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit()));
        Assert.Equal("NbdTlsRequired", failure.ErrorId.Name);
        failure = await Assert.ThrowsAsync<MomentException>(() => NbdClient.ListAsync(server.Address, FakeServer.Limit()));
        Assert.Equal("NbdTlsRequired", failure.ErrorId.Name);
    }

    [SkippableFact]
    public async Task SeveralConnectionsShareTheReads()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        byte[] expected = MakeDisk();
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "--shared=8", "-f", "qcow2", _scratch["d.qcow2"]);
        await using NbdConnections connections = await NbdConnections.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation], 4, FakeServer.Limit());
        Assert.Equal((4, Size), (connections.Count, connections.Length));
        Assert.Null(connections.Shortfall);
        byte[] whole = new byte[Size];
        await connections.ReadAsync(0, whole, FakeServer.Limit());
        Assert.True(expected.AsSpan().SequenceEqual(whole));
        await RandomReadsAsync(connections, expected);
        Assert.NotEmpty(await connections.StatusAsync(0, Size, FakeServer.Limit()).ToListAsync());
    }

    [SkippableFact]
    public async Task AServerWithoutRoomLeavesOneConnectionAndTheReason()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        byte[] expected = MakeDisk();
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-r", "--shared=2", "-f", "qcow2", _scratch["d.qcow2"]);
        await using NbdConnections connections = await NbdConnections.ConnectAsync(server.Address, "", [], 4, FakeServer.Limit());
        Assert.Equal((2, "NbdHandshakeTimeout"), (connections.Count, connections.Shortfall?.ErrorId.Name));
        await RandomReadsAsync(connections, expected);
    }

    private static async Task RandomReadsAsync(IBlockReader reader, byte[] expected)
    {
        var random = new Random(7);
        Task[] reads = [.. Enumerable.Range(0, 300).Select(async _ =>
        {
            int offset, length;
            lock (random)
                (offset, length) = (random.Next((int)Size), random.Next(200_000));
            byte[] buffer = new byte[Math.Min(length, (int)Size - offset)];
            await reader.ReadAsync(offset, buffer, FakeServer.Limit());
            Assert.True(expected.AsSpan(offset, buffer.Length).SequenceEqual(buffer), $"{buffer.Length} bytes at {offset} differ");
        })];
        await Task.WhenAll(reads);
    }

    private static List<NbdStatusExtent> NbdinfoMap(NbdAddress address, string context)
    {
        string json = Tool.Run("nbdinfo", context.Length == 0 ? "--map" : $"--map={context}", "--json", address.ToUri(""));
        return [.. JsonDocument.Parse(json).RootElement.EnumerateArray().Select(extent => new NbdStatusExtent(
            extent.GetProperty("offset").GetInt64(), extent.GetProperty("length").GetInt64(), extent.GetProperty("type").GetUInt32()))];
    }

    /// <summary>Makes d.qcow2 with data, zeroes and holes; gives its content as qemu-img reads it.</summary>
    private byte[] MakeDisk()
    {
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", _scratch["d.qcow2"], $"{Size}");
        string[] writes = [.. Enumerable.Range(0, 40).SelectMany(at => new[] { "-c", $"write -q -P {at + 1} {at * 1500}k {(at % 7 + 1) * 33}k" })];
        Tool.Run("qemu-io", ["-f", "qcow2", .. writes, "-c", "write -q -z 20M 3M", "-c", "write -q -z -u 40M 1M", _scratch["d.qcow2"]]);
        Tool.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", _scratch["d.qcow2"], _scratch["d.raw"]);
        return File.ReadAllBytes(_scratch["d.raw"]);
    }
}
