using System.Diagnostics;
using System.Text.Json;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>Copies and writes between the servers people run; QEMU's and libnbd's tools compare the bytes.</summary>
public sealed class NbdCopyTests : IDisposable
{
    private const long Size = 48L << 20;

    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [SkippableFact]
    public async Task ADiskIsCopiedFromAStorageDaemonIntoARawFile()
    {
        using RealServer source = Source();
        await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 4, FakeServer.Limit());
        Assert.Equal(4, from.Count);
        await using (var to = RawFileWriter.Create(_scratch["copy"], from.Length))
        {
            BlockCopyResult result = await new BlockCopier(from, to, new BlockCopyOptions { TargetIsZero = true }).RunAsync(null, FakeServer.Limit());
            Assert.Equal(Size, result.DataLength + result.ZeroLength);
            Assert.InRange(result.DataLength, 1 << 20, Size / 2);
        }

        Tool.Run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", _scratch["s.qcow2"], _scratch["copy"]);
        Assert.InRange(long.Parse(Tool.Run("du", "-k", _scratch["copy"]).Split('\t')[0]), 1, (Size / 2) >> 10);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ADiskIsCopiedOverManyConnectionsIntoAnother(bool fresh)
    {
        using RealServer source = Source();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", _scratch["t.qcow2"], $"{Size}");
        if (!fresh)
            Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -q -P 77 0 {Size}", _scratch["t.qcow2"]);
        using (RealServer server = RealServer.QemuNbd(_scratch["t"], "--shared=8", "-f", "qcow2", "--discard=unmap", _scratch["t.qcow2"]))
        {
            await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 4, FakeServer.Limit());
            await using NbdConnections to = await NbdConnections.ConnectAsync(server.Address, "", [], 4, FakeServer.Limit());
            Assert.Equal(4, to.Count);
            await new BlockCopier(from, to, new BlockCopyOptions { TargetIsZero = fresh }).RunAsync(null, FakeServer.Limit());
        }

        Tool.Run("qemu-img", "compare", "-U", "-f", "qcow2", "-F", "qcow2", _scratch["s.qcow2"], _scratch["t.qcow2"]);
        // What is zero takes no room, whatever was there.
        long stored = JsonDocument.Parse(Tool.Run("qemu-img", "map", "--output=json", "-f", "qcow2", _scratch["t.qcow2"])).RootElement.EnumerateArray()
            .Where(run => run.GetProperty("data").GetBoolean()).Sum(run => run.GetProperty("length").GetInt64());
        Assert.InRange(stored, 1 << 20, Size / 2);
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("--filter=blocksize-policy blocksize-minimum=4096 blocksize-preferred=8192 blocksize-maximum=64K blocksize-error-policy=error")]
    [InlineData("--no-sr --filter=nozero zeromode=none")]
    [InlineData("--filter=noparallel serialize=requests")]
    [InlineData("--filter=multi-conn multi-conn-mode=disable")]
    [InlineData("--filter=delay delay-write=1ms")]
    public async Task EveryKindOfServerGetsEveryByte(string arguments)
    {
        Tool.Require("nbdkit", "qemu-img");
        using RealServer source = Source();
        string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] options = [.. words.Where(word => word.StartsWith('-'))], parameters = [.. words.Where(word => !word.StartsWith('-'))];
        using RealServer server = RealServer.Nbdkit(_scratch["t"], [.. options, "memory", $"{Size}", .. parameters]);
        await using (NbdConnections to = await NbdConnections.ConnectAsync(server.Address, "", [], 4, FakeServer.Limit()))
        {
            await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 2, FakeServer.Limit());
            Assert.Equal(arguments.Contains("disable", StringComparison.Ordinal) ? 1 : 4, to.Count);
            await new BlockCopier(from, to, BlockCopyOptions.Default).RunAsync(null, FakeServer.Limit());
        }

        // libnbd's nbdcopy does not keep to a server's block sizes.
        Tool.Run("qemu-img", "convert", "-f", "raw", "-O", "raw", server.Address.ToUri(""), _scratch["copy"]);
        Tool.Run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", _scratch["s.qcow2"], _scratch["copy"]);
    }

    [SkippableFact]
    public async Task WritesZeroesAndTrimsAreWhatQemuReads()
    {
        Tool.Require("qemu-nbd", "qemu-img", "qemu-io");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", _scratch["t.qcow2"], "16M");
        using (RealServer server = RealServer.QemuNbd(_scratch["t"], "-f", "qcow2", "--discard=unmap", _scratch["t.qcow2"]))
        {
            await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit());
            Assert.True(client is { CanWrite: true, CanTrim: true, CanWriteZeroes: true, CanFlush: true });
            byte[] sevens = new byte[12 << 20];
            sevens.AsSpan().Fill(7);
            await client.WriteAsync(0, sevens, FakeServer.Limit());
            await client.WriteDurablyAsync(12 << 20, sevens.AsMemory(0, 512), FakeServer.Limit());
            await client.ZeroAsync(1 << 20, 1 << 20, FakeServer.Limit());
            await client.WriteZeroesAsync(3 << 20, 1 << 20, FakeServer.Limit());
            await client.TrimAsync(5 << 20, 1 << 20, FakeServer.Limit());
            await client.FlushAsync(FakeServer.Limit());
        }

        string[] reads = [.. new[] { (7, 0, 1), (0, 1, 1), (7, 2, 1), (0, 3, 1), (7, 4, 1), (0, 5, 1), (7, 6, 6) }
            .SelectMany(read => new[] { "-c", $"read -q -P {read.Item1} {read.Item2}M {read.Item3}M" })];
        string output = Tool.Run("qemu-io", ["-f", "qcow2", .. reads, "-c", "read -q -P 7 12M 512", "-c", "read -q -P 0 12583424 512", _scratch["t.qcow2"]]);
        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
    }

    [SkippableTheory]
    [InlineData("error-pwrite=ENOSPC", 28)]
    [InlineData("error-zero=EIO", 5)]
    public async Task TheTargetsErrorEndsTheCopyByItsNumber(string error, int number)
    {
        Tool.Require("nbdkit");
        using RealServer source = Source();
        using RealServer server = RealServer.Nbdkit(_scratch["t"], "--filter=error", "memory", $"{Size}", error, $"{error.Split('=')[0]}-rate=100%");
        await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 2, FakeServer.Limit());
        await using NbdConnections to = await NbdConnections.ConnectAsync(server.Address, "", [], 4, FakeServer.Limit());
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => new BlockCopier(from, to, BlockCopyOptions.Default).RunAsync(null, FakeServer.Limit()));
        Assert.Equal(("NbdCommandFailed", number), (failure.ErrorId.Name, failure.PeerErrorNumber));
        // The connections are as good as before.
        await to.ReadAsync(0, new byte[512], FakeServer.Limit());
    }

    [SkippableFact]
    public async Task ACopyIntoASlowServerCanBeCancelled()
    {
        Tool.Require("nbdkit");
        using RealServer source = Source();
        using RealServer server = RealServer.Nbdkit(_scratch["t"], "--filter=delay", "memory", $"{Size}", "delay-write=20", "delay-zero=20");
        await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 2, FakeServer.Limit());
        await using NbdConnections to = await NbdConnections.ConnectAsync(
            server.Address, "", [], 2, FakeServer.Limit(), new NbdOptions { DisconnectTimeout = TimeSpan.FromMilliseconds(100) });
        using var cancel = new CancellationTokenSource(300);
        var clock = Stopwatch.StartNew();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new BlockCopier(from, to, BlockCopyOptions.Default).RunAsync(null, cancel.Token));
        Assert.InRange(clock.ElapsedMilliseconds, 0, 60_000);
    }

    [SkippableFact]
    public async Task AServerThatDiesLeavesItsWritesInDoubt()
    {
        Tool.Require("qemu-nbd");
        using RealServer source = Source();
        Tool.Run("truncate", "-s", $"{Size}", _scratch["slow"]);
        using RealServer server = RealServer.QemuNbd(_scratch["t"], "--shared=2", "--object", "throttle-group,id=g,x-bps-write=100000",
            "--image-opts", $"driver=throttle,throttle-group=g,file.driver=file,file.filename={_scratch["slow"]}");
        await using NbdConnections from = await NbdConnections.ConnectAsync(source.Address, "d", [NbdContext.BaseAllocation], 2, FakeServer.Limit());
        await using NbdConnections to = await NbdConnections.ConnectAsync(server.Address, "", [], 2, FakeServer.Limit());
        Task copy = new BlockCopier(from, to, new BlockCopyOptions { TargetIsZero = true }).RunAsync(null, FakeServer.Limit());
        while (to.First.InFlight == 0)
            await Task.Delay(5);
        server.Kill();
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => copy);
        Assert.Equal("NbdConnectionLost", lost.ErrorId.Name);
        Assert.Contains("under way: whether", lost.Message, StringComparison.Ordinal);
    }

    /// <summary>A storage daemon with s.qcow2: data of many sizes, zeroes and holes, at places that no block size likes.</summary>
    private RealServer Source()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img", "qemu-io");
        string disk = _scratch["s.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", disk, $"{Size}");
        string[] writes = [.. Enumerable.Range(0, 40).SelectMany(at => new[] { "-c", $"write -q -P {at + 1} {(at * 1200 * 1024) + (at * 512)} {(at % 7 * 33 * 1024) + 512}" })];
        Tool.Run("qemu-io", ["-f", "qcow2", .. writes, "-c", "write -q -z 20M 3M", "-c", "write -q -P 9 30M 4M", disk]);
        return RealServer.OnUnix(_scratch["n"], "qemu-storage-daemon",
            "--blockdev", $"driver=file,node-name=f,filename={disk},read-only=on", "--blockdev", "driver=qcow2,node-name=d,file=f,read-only=on",
            "--nbd-server", $"addr.type=unix,addr.path={_scratch["n"]}", "--export", "nbd,id=e,node-name=d,name=d");
    }
}
