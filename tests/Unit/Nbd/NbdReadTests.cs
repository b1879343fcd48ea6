using System.Net.Sockets;
using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Reads against a server that answers in every legal way, fails, falls silent or hangs up.</summary>
public sealed class NbdReadTests
{
    private static readonly byte[] Sixteen = [.. Enumerable.Range(1, 16).Select(value => (byte)value)];

    [Fact]
    public async Task ChunksComeInAnyOrderAndHolesAreZero()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(
                Wire.Data(cookie, 520, Sixteen[8..12], false), Wire.Hole(cookie, 524, 4, false), Wire.Data(cookie, 512, Sixteen[..8], false), Wire.Done(cookie));
        });
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0], await ReadAsync(client, 512, 16));
    }

    [Fact]
    public async Task ChunksOfDifferentReadsAreInterleaved()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            FakeRequest one = await fake.ReadRequestAsync(), two = await fake.ReadRequestAsync();
            await fake.SendAsync(
                Wire.Data(two.Cookie, two.Offset, [9], false), Wire.Data(one.Cookie, one.Offset, [1, 2], false),
                Wire.Data(two.Cookie, two.Offset + 1, [8, 7, 6], true), Wire.Data(one.Cookie, one.Offset + 2, [3, 4], true));
        });
        Task<byte[]> first = ReadAsync(client, 0, 4);
        Task<byte[]> second = ReadAsync(client, 100, 4);
        byte[][] both = await Task.WhenAll(first, second);
        Assert.Contains(both, bytes => bytes.SequenceEqual<byte>([1, 2, 3, 4]));
        Assert.Contains(both, bytes => bytes.SequenceEqual<byte>([9, 8, 7, 6]));
    }

    [Fact]
    public async Task BytesMayTrickle()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            foreach (byte one in Wire.Data(cookie, 512, Sixteen, true).ToArray())
                await fake.Stream.WriteAsync(new[] { one });
        });
        Assert.Equal(Sixteen, await ReadAsync(client, 512, 16));
    }

    [Fact]
    public async Task AnErrorChunkFailsTheReadAloneWithNumberAndOffset()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(Wire.Data(cookie, 512, Sixteen, false), Wire.ErrorAt(cookie, 5, 520, false), Wire.Done(cookie));
            cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(Wire.Error(cookie, 28, "the disk \u001b[31mis full", true));
            cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(Wire.Chunk(cookie, 0x80ff, true, new Wire().U32(12).U16(0).Raw([1, 2, 3]).ToArray()));
            cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(Wire.Data(cookie, 512, Sixteen, true));
        });
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16));
        Assert.Equal(("NbdReadFailed", 5), (failure.ErrorId.Name, failure.PeerErrorNumber));
        Assert.Contains("offset 520", failure.Message, StringComparison.Ordinal);

        failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16));
        Assert.Equal(28, failure.PeerErrorNumber);
        Assert.Contains("the disk  [31mis full", failure.Message, StringComparison.Ordinal);

        failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16));
        Assert.Equal(12, failure.PeerErrorNumber);
        Assert.Equal(Sixteen, await ReadAsync(client, 512, 16));
    }

    [Fact]
    public async Task SimpleRepliesServeWhereStructuredOnesWereRefused()
    {
        await using var server = new FakeServer { Structured = false };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 0, Sixteen));
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 1));
            await fake.SendAsync(Wire.Data((await fake.ReadRequestAsync()).Cookie, 512, Sixteen, true));
        });
        Assert.Equal(Sixteen, await ReadAsync(client, 512, 16));
        Assert.Equal(1, (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16))).PeerErrorNumber);
        Assert.Equal("NbdConnectionLost", (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16))).ErrorId.Name);
    }

    [Fact]
    public async Task AConnectionThatBreaksFailsEveryWaiterWithTheReason()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.ReadRequestAsync();
            await fake.Stream.WriteAsync(Wire.Data(cookie, 0, new byte[100], true).ToArray().AsMemory(0, 60));
            fake.Stream.Dispose();
        });
        Task[] reads = [ReadAsync(client, 0, 100), ReadAsync(client, 0, 100)];
        foreach (Task read in reads)
        {
            MomentException failure = await Assert.ThrowsAsync<MomentException>(() => read);
            Assert.Equal("NbdConnectionLost", failure.ErrorId.Name);
            Assert.IsAssignableFrom<IOException>(failure.InnerException);
        }
    }

    [Fact]
    public async Task ASilentServerIsGivenUpOnlyWhileSomethingWaits()
    {
        await using var server = new FakeServer();
        var patience = new NbdOptions { SilenceTimeout = TimeSpan.FromSeconds(3), DisconnectTimeout = TimeSpan.FromMilliseconds(200) };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.SendAsync(Wire.Data((await fake.ReadRequestAsync()).Cookie, 512, Sixteen, true));
            await fake.ReadRequestAsync();
        }, patience);
        await Task.Delay(4000);
        Assert.Equal(Sixteen, await ReadAsync(client, 512, 16));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16));
        Assert.Equal("NbdServerSilent", Assert.IsType<MomentException>(failure.InnerException).ErrorId.Name);
    }

    [Fact]
    public async Task ACancelledReadLeavesTheBufferAloneAndTheConnectionWhole()
    {
        var firstHalfSent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            byte[] reply = Wire.Data(cookie, 0, [.. Enumerable.Repeat((byte)0xAA, 65536)], true).ToArray();
            await fake.Stream.WriteAsync(reply.AsMemory(0, 30000));
            firstHalfSent.SetResult();
            await cancelled.Task;
            await fake.Stream.WriteAsync(reply.AsMemory(30000));
            await fake.SendAsync(Wire.Data((await fake.ReadRequestAsync()).Cookie, 512, Sixteen, true));
        });
        using var cancel = new CancellationTokenSource();
        byte[] buffer = new byte[65536];
        Task read = client.ReadAsync(0, buffer, cancel.Token).AsTask();
        await firstHalfSent.Task;
        await Task.Delay(50);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        Array.Clear(buffer);

        cancelled.SetResult();
        Assert.Equal(Sixteen, await ReadAsync(client, 512, 16));
        Assert.All(buffer, value => Assert.Equal(0, value));
    }

    [Fact]
    public async Task RequestsUnderWayAreBounded()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            var requests = new List<FakeRequest>();
            for (int count = 0; count < 3; count++)
                requests.Add(await fake.ReadRequestAsync());
            await Task.Delay(100);
            Assert.False(fake.Stream.DataAvailable);
            for (int answered = 0; answered < 10; answered++)
            {
                if (requests.Count == 0)
                    requests.Add(await fake.ReadRequestAsync());
                await fake.SendAsync(Wire.Data(requests[0].Cookie, requests[0].Offset, [(byte)requests[0].Offset], true));
                requests.RemoveAt(0);
            }
        }, new NbdOptions { MaxInFlight = 3 });
        byte[][] read = await Task.WhenAll(Enumerable.Range(0, 10).Select(at => ReadAsync(client, at, 1)));
        Assert.Equal(Enumerable.Range(0, 10), read.Select(bytes => (int)bytes[0]));
    }

    [Fact]
    public async Task ALongReadIsCutAtTheServersMaximum()
    {
        await using var server = new FakeServer { BlockSizes = (512, 4096, 10000) };
        await using NbdClient client = await server.ConnectAsync(AnswerByOffsetAsync);
        byte[] bytes = await ReadAsync(client, 512, 20480);
        Assert.Equal(Enumerable.Range(512, 20480).Select(at => (byte)(at / 512)), bytes);
        Assert.Equal(9728, client.BlockSizes.LongestPayload);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(511, 2)]
    [InlineData(100, 30000)]
    [InlineData((1 << 20) - 1, 1)]
    public async Task AMisalignedReadIsWidenedToWholeBlocks(long offset, int length)
    {
        await using var server = new FakeServer { BlockSizes = (512, 512, 8192) };
        await using NbdClient client = await server.ConnectAsync(AnswerByOffsetAsync);
        Assert.Equal(Enumerable.Range((int)offset, length).Select(at => (byte)(at / 512)), await ReadAsync(client, offset, length));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1 << 20, 1)]
    [InlineData((1 << 20) - 1, 2)]
    [InlineData(long.MaxValue, 2)]
    public async Task NothingIsSentForARangeOutsideTheExport(long offset, int length)
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(CheckNextIsGoodbyeAsync);
        Assert.Equal("NbdRangeInvalid", (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, offset, length))).ErrorId.Name);
    }

    [Fact]
    public async Task ClosingSaysGoodbyeAndFailsWhatStillWaits()
    {
        var goodbye = new TaskCompletionSource<FakeRequest>();
        await using var server = new FakeServer();
        NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.ReadRequestAsync();
            goodbye.SetResult(await fake.ReadRequestAsync());
            fake.Stream.Socket.Shutdown(SocketShutdown.Both);
        });
        Task<byte[]> read = ReadAsync(client, 0, 1);
        await client.DisposeAsync();
        Assert.Equal(2, (await goodbye.Task).Command);
        Assert.Equal("NbdConnectionLost", (await Assert.ThrowsAsync<MomentException>(() => read)).ErrorId.Name);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ReadAsync(client, 0, 1));
        await client.DisposeAsync();
    }

    [Fact]
    public async Task AServerThatNeverHangsUpDoesNotHoldClosing()
    {
        await using var server = new FakeServer();
        NbdClient client = await server.ConnectAsync(fake => fake.ReadAsync(1000), new NbdOptions { DisconnectTimeout = TimeSpan.FromMilliseconds(100) });
        await client.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static async Task CheckNextIsGoodbyeAsync(FakeServer fake)
    {
        Assert.Equal(2, (await fake.ReadRequestAsync()).Command);
        fake.Stream.Dispose();
    }

    private static async Task<byte[]> ReadAsync(NbdClient client, long offset, int length)
    {
        byte[] buffer = new byte[length];
        await client.ReadAsync(offset, buffer, FakeServer.Limit());
        return buffer;
    }

    // Every byte is the number of its sector; a request that is not whole sectors, or too long, fails the test.
    private static async Task AnswerByOffsetAsync(FakeServer fake)
    {
        while (await fake.ReadRequestAsync() is { Command: 0 } request)
        {
            Assert.Equal(0u, (uint)(request.Offset % 512) + (request.Length % 512));
            Assert.InRange(request.Length, 1u, fake.BlockSizes!.Value.Maximum);
            byte[] data = [.. Enumerable.Range((int)request.Offset, (int)request.Length).Select(at => (byte)(at / 512))];
            await fake.SendAsync(Wire.Data(request.Cookie, request.Offset, data, true));
        }

        fake.Stream.Dispose();
    }
}
