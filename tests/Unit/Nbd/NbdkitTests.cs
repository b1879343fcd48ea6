using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>Against nbdkit, whose filters make every kind of server there is.</summary>
public sealed class NbdkitTests : IDisposable
{
    private const int Size = 8 << 20;

    private readonly ScratchDirectory _scratch = new();

    public static TheoryData<string, string> Servers => new()
    {
        { "structured replies", "pattern 8M" },
        { "simple replies", "--no-sr pattern 8M" },
        { "no NO_ZEROES", "--mask-handshake=1 pattern 8M" },
        { "no parallel requests", "--filter=noparallel pattern 8M serialize=requests" },
        { "no extents", "--filter=noextents pattern 8M" },
        { "answers out of order", "--filter=delay pattern 8M delay-read=2ms" },
        { "4 KiB blocks only", "--filter=blocksize-policy pattern 8M blocksize-minimum=4096 blocksize-preferred=8192 blocksize-maximum=128K blocksize-error-policy=error" },
        { "64 KiB blocks only, simple replies", "--no-sr --filter=blocksize-policy pattern 8M blocksize-minimum=64K blocksize-preferred=64K blocksize-maximum=64K blocksize-error-policy=error" },
    };

    public void Dispose() => _scratch.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task EveryKindOfServerGivesEveryByte(string kind, string arguments)
    {
        Tool.Require("nbdkit");
        using RealServer server = RealServer.Nbdkit(_scratch["n"], ["-r", .. arguments.Split(' ')]);
        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation], FakeServer.Limit());
        Assert.Equal(kind.Contains("simple", StringComparison.Ordinal), client.Contexts.Count == 0);
        byte[] whole = new byte[Size];
        await client.ReadAsync(0, whole, FakeServer.Limit());
        Assert.True(Pattern(0, Size).AsSpan().SequenceEqual(whole));
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async at =>
        {
            byte[] buffer = new byte[at * 1777];
            await client.ReadAsync(at * 100_003, buffer, FakeServer.Limit());
            Assert.True(Pattern(at * 100_003, buffer.Length).AsSpan().SequenceEqual(buffer));
        }));
        Assert.Equal(Size - 1001, await client.StatusAsync(1001, Size - 1001, FakeServer.Limit()).Select(status => status.Length).SumAsync());
    }

    [SkippableFact]
    public async Task ASparseDisksMapAndBytesAreWhatOthersSee()
    {
        Tool.Require("nbdkit", "nbdinfo", "qemu-img");
        using RealServer server = RealServer.Nbdkit(_scratch["n"], "-r", "sparse-random", "64M", "seed=5", "runlength=65536");
        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation], FakeServer.Limit());
        Tool.Run("qemu-img", "convert", "-f", "raw", "-O", "raw", server.Address.ToUri(""), _scratch["copy"]);
        byte[] whole = new byte[client.Length];
        await client.ReadAsync(0, whole, FakeServer.Limit());
        Assert.True(File.ReadAllBytes(_scratch["copy"]).AsSpan().SequenceEqual(whole));

        string[] totals = Tool.Run("nbdinfo", "--map", "--totals", server.Address.ToUri("")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<uint, long> told = totals.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .ToDictionary(words => uint.Parse(words[2]), words => long.Parse(words[0]));
        var seen = new Dictionary<uint, long>();
        await foreach (NbdStatusExtent extent in client.BlockStatusAsync(NbdContext.BaseAllocation, 0, client.Length, FakeServer.Limit()))
            seen[extent.Flags] = seen.GetValueOrDefault(extent.Flags) + extent.Length;
        Assert.Equal(told, seen);
    }

    [SkippableFact]
    public async Task AServersErrorsFailReadsAndLeaveTheConnection()
    {
        Tool.Require("nbdkit");
        using RealServer server = RealServer.Nbdkit(_scratch["n"], "-r", "--filter=error", "pattern", "8M",
            "error-pread=ENOSPC", "error-pread-rate=100%", $"error-pread-file={_scratch["fail"]}");
        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit());
        byte[] buffer = new byte[512];
        await client.ReadAsync(0, buffer, FakeServer.Limit());
        File.WriteAllText(_scratch["fail"], "");
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadAsync(4096, buffer, FakeServer.Limit()).AsTask());
        Assert.Equal(("NbdReadFailed", 28), (failure.ErrorId.Name, failure.PeerErrorNumber));
        Assert.Contains("offset 4096", failure.Message, StringComparison.Ordinal);
        File.Delete(_scratch["fail"]);
        await client.ReadAsync(4096, buffer, FakeServer.Limit());
        Assert.True(Pattern(4096, 512).AsSpan().SequenceEqual(buffer));
    }

    [SkippableFact]
    public async Task ASlowReadCanBeCancelledAndAnotherFollows()
    {
        Tool.Require("nbdkit");
        using RealServer server = RealServer.Nbdkit(_scratch["n"], "-r", "--filter=delay", "pattern", "8M", "delay-read=10");
        await using NbdClient client = await NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit());
        using var cancel = new CancellationTokenSource(50);
        byte[] abandoned = new byte[65536];
        var clock = Stopwatch.StartNew();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.ReadAsync(65536, abandoned, cancel.Token).AsTask());
        Assert.True(clock.ElapsedMilliseconds < 9500, $"took {clock.ElapsedMilliseconds} ms");
        byte[] buffer = new byte[512];
        await client.ReadAsync(512, buffer, FakeServer.Limit());
        Assert.True(Pattern(512, 512).AsSpan().SequenceEqual(buffer));
        Assert.All(abandoned, value => Assert.Equal(0, value));
    }

    [SkippableFact]
    public async Task AServerThatForbidsSeveralConnectionsGetsOne()
    {
        Tool.Require("nbdkit");
        using RealServer server = RealServer.Nbdkit(_scratch["n"], "-r", "--filter=multi-conn", "pattern", "8M", "multi-conn-mode=disable");
        await using NbdConnections connections = await NbdConnections.ConnectAsync(server.Address, "", [], 4, FakeServer.Limit());
        Assert.Equal(1, connections.Count);
        byte[] whole = new byte[Size];
        await connections.ReadAsync(0, whole, FakeServer.Limit());
        Assert.True(Pattern(0, Size).AsSpan().SequenceEqual(whole));
    }

    // nbdkit-pattern-plugin: every 8 bytes hold their own offset, big-endian.
    private static byte[] Pattern(long offset, int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++)
            bytes[at] = (byte)(((offset + at) & ~7L) >> (int)(8 * (7 - ((offset + at) & 7))));
        return bytes;
    }
}
