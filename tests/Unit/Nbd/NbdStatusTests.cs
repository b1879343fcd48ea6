using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Block status against a server that answers in every legal and illegal way.</summary>
public sealed class NbdStatusTests
{
    private const string Bitmap = "qemu:dirty-bitmap:b";

    /// <summary>Replies to a status request for 4096 bytes at offset 0 with one context, number 1, that break the protocol.</summary>
    private static readonly Dictionary<string, Func<ulong, Wire>> Replies = new()
    {
        ["empty extent"] = cookie => Wire.Status(cookie, 1, true, (512, 0), (0, 1)),
        ["no extent"] = cookie => Wire.Status(cookie, 1, true),
        ["half an extent"] = cookie => Wire.Chunk(cookie, 5, true, new byte[10]),
        ["unknown context"] = cookie => Wire.Status(cookie, 2, true, (4096, 0)),
        ["context twice"] = cookie => new Wire().Raw(Wire.Status(cookie, 1, false, (4096, 0)).ToArray()).Raw(Wire.Status(cookie, 1, true, (4096, 0)).ToArray()),
        ["extent behind the request"] = cookie => Wire.Status(cookie, 1, true, (4096, 0), (1, 1)),
        ["nothing at all"] = Wire.Done,
        ["simple reply"] = cookie => Wire.Simple(cookie, 0),
        ["data to a status request"] = cookie => Wire.Data(cookie, 0, new byte[8], true),
        ["huge chunk"] = cookie => new Wire().U32(0x668e33ef).U16(1).U16(5).U64(cookie).U32(0xfffffffc),
    };

    public static TheoryData<string> BrokenReplies => [.. Replies.Keys];

    [Theory]
    [MemberData(nameof(BrokenReplies))]
    public async Task ABrokenReplyEndsTheConnection(string what)
    {
        await using var server = new FakeServer { Size = 4096 };
        await using NbdClient client = await server.ConnectAsync(
            async fake => await fake.SendAsync(Replies[what]((await fake.ReadRequestAsync()).Cookie)), null, Bitmap);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
        Assert.True(failure.ErrorId.Name == "NbdProtocolViolation", $"{what}: {failure.Message}");
    }

    [Fact]
    public async Task PartialAnswersAreAskedOnAndNeighboursJoined()
    {
        await using var server = new FakeServer { Size = 10000 };
        var asked = new List<(ulong, uint)>();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            (uint, uint)[][] answers = [[(1000, 1), (1000, 1)], [(500, 1)], [(2500, 0), (1000, 3)], [(9000, 3)]];
            foreach ((uint, uint)[] answer in answers)
            {
                FakeRequest request = await fake.ReadRequestAsync();
                asked.Add((request.Offset, request.Length));
                await fake.SendAsync(Wire.Status(request.Cookie, 1, true, answer));
            }
        }, null, Bitmap);
        List<NbdStatusExtent> extents = await client.BlockStatusAsync(Bitmap, 0, 9500, FakeServer.Limit()).ToListAsync();
        Assert.Equal([new(0, 2500, 1), new(2500, 2500, 0), new(5000, 4500, 3)], extents);
        Assert.Equal([(0, 9500), (2000, 7500), (2500, 7000), (6000, 3500)], asked);
    }

    [Fact]
    public async Task ALongRangeIsAskedInPiecesOf32Bits()
    {
        await using var server = new FakeServer { Size = 3ul << 32 };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            while (await fake.ReadRequestAsync() is { Command: 7 } request)
                await fake.SendAsync(Wire.Status(request.Cookie, 1, true, (request.Length, 1)));
            fake.Stream.Dispose();
        }, null, Bitmap);
        Assert.Equal([new Extent(0, 3L << 32)], await client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
    }

    [Fact]
    public async Task AMisalignedRangeIsWidenedAndCutBack()
    {
        await using var server = new FakeServer { Size = 8192, BlockSizes = (4096, 4096, 65536) };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            FakeRequest request = await fake.ReadRequestAsync();
            Assert.Equal((0ul, 8192u), (request.Offset, request.Length));
            await fake.SendAsync(Wire.Status(request.Cookie, 1, true, (1000, 0), (4000, 1), (1000, 0), (2192, 1)));
        }, null, Bitmap);
        Assert.Equal([new(1500, 3500, 1), new(5000, 500, 0)], await client.BlockStatusAsync(Bitmap, 1500, 4000, FakeServer.Limit()).ToListAsync());
    }

    [Fact]
    public async Task AnAnswerThatBringsNothingNewIsNoLoop()
    {
        await using var server = new FakeServer { Size = 8192, BlockSizes = (4096, 4096, 65536) };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            while (await fake.ReadRequestAsync() is { Command: 7 } request)
                await fake.SendAsync(Wire.Status(request.Cookie, 1, true, (512, 1)));
            fake.Stream.Dispose();
        }, null, Bitmap);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
        Assert.Equal("NbdProtocolViolation", failure.ErrorId.Name);
    }

    [Fact]
    public async Task ChunksOfOtherContextsArePassedOver()
    {
        await using var server = new FakeServer { Size = 4096 };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            while (await fake.ReadRequestAsync() is { Command: 7 } request)
                await fake.SendAsync(Wire.Status(request.Cookie, 2, false, (1024, 1), (3072, 0)), Wire.Status(request.Cookie, 1, true, (2048, 3), (1024, 2), (1024, 1)));
            fake.Stream.Dispose();
        }, null, "base:allocation", Bitmap);
        Assert.Equal(["base:allocation", Bitmap], client.Contexts);
        Assert.Equal([new Extent(0, 1024)], await client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
        // A hole of unknown content must be read.
        Assert.Equal([new(0, 3072, BlockKind.Zero), new(3072, 1024, BlockKind.Data)], await client.StatusAsync(0, 4096, FakeServer.Limit()).ToListAsync());
    }

    [Fact]
    public async Task WithoutBaseAllocationEverythingIsData()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask);
        Assert.Equal([new(5, 10, BlockKind.Data)], await client.StatusAsync(5, 10, FakeServer.Limit()).ToListAsync());
        Assert.Empty(await client.StatusAsync(5, 0, FakeServer.Limit()).ToListAsync());
    }

    [Fact]
    public async Task AContextThatWasNotGrantedCannotBeAsked()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask, null, "base:allocation");
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
        Assert.Equal("NbdContextNotGranted", failure.ErrorId.Name);
        Assert.Contains("base:allocation", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnErrorIsACommandThatFailed()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.SendAsync(Wire.Error((await fake.ReadRequestAsync()).Cookie, 22, "no", true));
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 5));
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 0));
        }, null, Bitmap);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadDirtyBitmapAsync(Bitmap, FakeServer.Limit()));
        Assert.Equal(("NbdCommandFailed", 22), (failure.ErrorId.Name, failure.PeerErrorNumber));
        failure = await Assert.ThrowsAsync<MomentException>(() => client.FlushAsync(FakeServer.Limit()));
        Assert.Equal(("NbdCommandFailed", 5), (failure.ErrorId.Name, failure.PeerErrorNumber));
        await client.FlushAsync(FakeServer.Limit());
    }

    [Fact]
    public async Task AServerWithoutFlushIsNotAskedToFlush()
    {
        await using var server = new FakeServer { Flags = 3 };
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask);
        Assert.Equal("NbdFlushUnsupported", (await Assert.ThrowsAsync<MomentException>(() => client.FlushAsync(FakeServer.Limit()))).ErrorId.Name);
    }
}
