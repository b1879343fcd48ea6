using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Writes, trims and zeroes on the wire, as the protocol's document has them.</summary>
public sealed class NbdWriteTests
{
    private const ushort HasFlags = 1, ReadOnly = 2, SendFlush = 4, SendFua = 8, SendTrim = 32, SendZeroes = 64, SendFastZero = 2048;
    private const ushort Everything = HasFlags | SendFlush | SendFua | SendTrim | SendZeroes | SendFastZero;

    [Fact]
    public async Task AWriteBringsItsBytes()
    {
        List<FakeRequest> seen = await SeenAsync(Everything, null, 1, client => client.WriteAsync(512, Bytes(1024), FakeServer.Limit()).AsTask());
        Assert.Equal((1, 0, 512ul, 1024u), Head(seen[0]));
        Assert.Equal(Bytes(1024), seen[0].Payload);
    }

    [Fact]
    public async Task ALongWriteIsCutIntoPiecesOfTheLargestPayload()
    {
        byte[] bytes = Bytes(10 * 4096);
        List<FakeRequest> seen = await SeenAsync(Everything, (4096, 4096, 3 * 4096), 4, client => client.WriteAsync(4096, bytes, FakeServer.Limit()).AsTask());
        Assert.Equal([4096, 4096 * 4, 4096 * 7, 4096 * 10], seen.Select(request => (int)request.Offset).Order());
        Assert.All(seen, request => Assert.Equal(bytes[((int)request.Offset - 4096)..((int)request.Offset - 4096 + (int)request.Length)], request.Payload));
        Assert.Equal(bytes.Length, seen.Sum(request => request.Payload.Length));
    }

    [Theory]
    [InlineData(Everything, new[] { 1 }, 1)]
    [InlineData(HasFlags | SendFlush, new[] { 1, 3 }, 0)]
    public async Task ADurableWriteIsForcedOrFlushed(int flags, int[] commands, int commandFlags)
    {
        List<FakeRequest> seen = await SeenAsync((ushort)flags, null, commands.Length, client => client.WriteDurablyAsync(0, Bytes(512), FakeServer.Limit()));
        Assert.Equal(commands, seen.Select(request => (int)request.Command));
        Assert.Equal(commandFlags, seen[0].Flags);
    }

    [Fact]
    public async Task WithoutFuaAndFlushNoDurableWriteIsSent() =>
        await RefusedAsync(HasFlags, "NbdFlushUnsupported", client => client.WriteDurablyAsync(0, Bytes(512), FakeServer.Limit()));

    [Fact]
    public async Task ZeroesMayBeHolesUnlessTheyMustNot()
    {
        List<FakeRequest> seen = await SeenAsync(Everything, null, 3, async client =>
        {
            await client.ZeroAsync(512, 1024, FakeServer.Limit());
            await client.WriteZeroesAsync(512, 1024, FakeServer.Limit());
            Assert.True(await client.TryZeroFastAsync(512, 1024, FakeServer.Limit()));
        });
        Assert.Equal([(6, 0, 512ul, 1024u), (6, 2, 512ul, 1024u), (6, 16, 512ul, 1024u)], seen.Select(Head));
    }

    [Fact]
    public async Task WithoutTheCommandZeroesAreSent()
    {
        List<FakeRequest> seen = await SeenAsync(HasFlags, null, 3, client => client.ZeroAsync(0, (512 << 10) + 512, FakeServer.Limit()).AsTask());
        Assert.Equal([(1, 0, 0ul, 256u << 10), (1, 0, 256ul << 10, 256u << 10), (1, 0, 512ul << 10, 512u)], seen.Select(Head));
        Assert.All(seen, request => Assert.All(request.Payload, value => Assert.Equal(0, value)));
    }

    [Fact]
    public async Task ZeroesThatWouldBeSlowAreNotWritten()
    {
        await using var server = new FakeServer { Flags = Everything };
        await using NbdClient client = await server.ConnectAsync(async fake => await fake.SendAsync(Wire.Error((await fake.ReadRequestAsync()).Cookie, 95, "slow", true)));
        Assert.False(await client.TryZeroFastAsync(0, 512, FakeServer.Limit()));
    }

    [Fact]
    public async Task AServerThatCannotTellIsNotAskedForFastZeroes()
    {
        await using var server = new FakeServer { Flags = HasFlags | SendZeroes };
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask);
        Assert.False(await client.TryZeroFastAsync(0, 512, FakeServer.Limit()));
    }

    [Fact]
    public async Task ATrimHasNoPayload()
    {
        List<FakeRequest> seen = await SeenAsync(Everything, null, 1, client => client.TrimAsync(512, 1024, FakeServer.Limit()));
        Assert.Equal((4, 0, 512ul, 1024u), Head(seen[0]));
    }

    [Fact]
    public async Task WhatTheServerLacksIsNotSent()
    {
        await RefusedAsync(HasFlags, "NbdExportNotWritable", client => client.TrimAsync(0, 512, FakeServer.Limit()));
        await RefusedAsync(HasFlags, "NbdExportNotWritable", client => client.WriteZeroesAsync(0, 512, FakeServer.Limit()));
        await RefusedAsync(Everything | ReadOnly, "NbdExportNotWritable", client => client.WriteAsync(0, Bytes(512), FakeServer.Limit()).AsTask());
        await RefusedAsync(Everything | ReadOnly, "NbdExportNotWritable", client => client.ZeroAsync(0, 512, FakeServer.Limit()).AsTask());
        await RefusedAsync(Everything | ReadOnly, "NbdExportNotWritable", client => client.TryZeroFastAsync(0, 512, FakeServer.Limit()));
        await RefusedAsync(Everything | ReadOnly, "NbdExportNotWritable", client => client.TrimAsync(0, 512, FakeServer.Limit()));
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(100, 512)]
    [InlineData(256, 256)]
    [InlineData(-512, 512)]
    [InlineData(1 << 20, 512)]
    public async Task PartOfABlockIsNeverWritten(long offset, int length)
    {
        await RefusedAsync(Everything, "NbdRangeInvalid", client => client.WriteAsync(offset, Bytes(length), FakeServer.Limit()).AsTask(), (512, 4096, 1 << 20));
        await RefusedAsync(Everything, "NbdRangeInvalid", client => client.ZeroAsync(offset, length, FakeServer.Limit()).AsTask(), (512, 4096, 1 << 20));
        await RefusedAsync(Everything, "NbdRangeInvalid", client => client.TrimAsync(offset, length, FakeServer.Limit()), (512, 4096, 1 << 20));
    }

    [Fact]
    public async Task ADiskThatEndsWithinABlockIsWrittenToItsEnd()
    {
        List<FakeRequest> seen = [];
        await using var server = new FakeServer { Size = 1000, Flags = Everything, BlockSizes = (512, 512, 512) };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            seen.Add(await fake.ReadRequestAsync());
            await fake.SendAsync(Wire.Done(seen[^1].Cookie));
        });
        await client.WriteAsync(512, Bytes(488), FakeServer.Limit());
        Assert.Equal((1, 0, 512ul, 488u), Head(Assert.Single(seen)));
    }

    [Fact]
    public async Task NothingIsSentForNothing()
    {
        await using var server = new FakeServer { Flags = Everything };
        await using NbdClient client = await server.ConnectAsync(NothingComesAsync);
        await client.WriteAsync(512, default, FakeServer.Limit());
        await client.ZeroAsync(512, 0, FakeServer.Limit());
        await client.TrimAsync(512, 0, FakeServer.Limit());
    }

    [Fact]
    public async Task TheServersErrorIsKeptAndTheConnectionToo()
    {
        await using var server = new FakeServer { Flags = Everything };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.SendAsync(Wire.Error((await fake.ReadRequestAsync()).Cookie, 28, "full", true));
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 1));
            await fake.SendAsync(Wire.Done((await fake.ReadRequestAsync()).Cookie));
        });
        MomentException full = await Assert.ThrowsAsync<MomentException>(() => client.WriteAsync(512, Bytes(512), FakeServer.Limit()).AsTask());
        Assert.Equal(("NbdCommandFailed", 28), (full.ErrorId.Name, full.PeerErrorNumber));
        Assert.Contains("write 512 bytes at offset 512", full.Message, StringComparison.Ordinal);
        MomentException denied = await Assert.ThrowsAsync<MomentException>(() => client.TrimAsync(0, 512, FakeServer.Limit()));
        Assert.Equal(1, denied.PeerErrorNumber);
        await client.WriteAsync(512, Bytes(512), FakeServer.Limit());
    }

    private static (int Command, int Flags, ulong Offset, uint Length) Head(FakeRequest request) => (request.Command, request.Flags, request.Offset, request.Length);

    // But the goodbye.
    private static async Task NothingComesAsync(FakeServer fake)
    {
        ushort command = (await fake.ReadRequestAsync()).Command;
        fake.Stream.Dispose();
        Assert.Equal(2, command);
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(at => (byte)(at * 7 + at / 256 + 1))];

    private static async Task<List<FakeRequest>> SeenAsync(ushort flags, (uint, uint, uint)? sizes, int count, Func<NbdClient, Task> work)
    {
        List<FakeRequest> seen = [];
        await using var server = new FakeServer { Flags = flags, BlockSizes = sizes };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            for (int at = 0; at < count; at++)
            {
                seen.Add(await fake.ReadRequestAsync());
                await fake.SendAsync(Wire.Simple(seen[^1].Cookie, 0));
            }
        });
        await work(client);
        return seen;
    }

    private static async Task RefusedAsync(ushort flags, string id, Func<NbdClient, Task> work, (uint, uint, uint)? sizes = null)
    {
        await using var server = new FakeServer { Flags = flags, BlockSizes = sizes };
        await using NbdClient client = await server.ConnectAsync(NothingComesAsync);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => work(client));
        Assert.Equal(id, refused.ErrorId.Name);
    }
}
