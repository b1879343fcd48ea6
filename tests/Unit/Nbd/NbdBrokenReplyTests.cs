using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Reads against a server whose replies break the protocol: each is named, and the connection is not used again.</summary>
public sealed class NbdBrokenReplyTests
{
    private static readonly byte[] Sixteen = [.. Enumerable.Range(1, 16).Select(value => (byte)value)];

    /// <summary>Replies to a read of 16 bytes at offset 512 that break the protocol.</summary>
    private static readonly Dictionary<string, Func<ulong, Wire>> Replies = new()
    {
        ["wrong magic"] = _ => new Wire().U32(0x12345678).Raw(new byte[60]),
        ["unknown cookie"] = cookie => Wire.Data(cookie + 1, 512, Sixteen, true),
        ["unknown cookie in a simple reply"] = cookie => Wire.Simple(cookie + 1, 5),
        ["simple success where structured was agreed"] = cookie => Wire.Simple(cookie, 0, Sixteen),
        ["chunk before the range"] = cookie => Wire.Data(cookie, 511, Sixteen, true),
        ["chunk behind the range"] = cookie => Wire.Data(cookie, 513, Sixteen, true),
        ["chunk longer than the read"] = cookie => Wire.Data(cookie, 512, new byte[17], true),
        ["chunk at the end of the world"] = cookie => Wire.Data(cookie, ulong.MaxValue - 3, Sixteen, true),
        ["chunk of 4 GiB"] = cookie => new Wire().U32(0x668e33ef).U16(1).U16(1).U64(cookie).U32(uint.MaxValue),
        ["chunk without data"] = cookie => Wire.Data(cookie, 512, [], true),
        ["overlapping chunks"] = cookie => new Wire().Raw(Wire.Data(cookie, 512, Sixteen[..9], false).ToArray()).Raw(Wire.Data(cookie, 520, Sixteen[8..], true).ToArray()),
        ["hole over data"] = cookie => new Wire().Raw(Wire.Data(cookie, 512, Sixteen, false).ToArray()).Raw(Wire.Hole(cookie, 520, 1, true).ToArray()),
        ["data missing"] = cookie => Wire.Data(cookie, 512, Sixteen[..15], true),
        ["all data missing"] = Wire.Done,
        ["empty hole"] = cookie => Wire.Hole(cookie, 512, 0, true),
        ["hole too long"] = cookie => Wire.Hole(cookie, 512, 17, true),
        ["hole of the wrong size"] = cookie => Wire.Chunk(cookie, 2, true, new byte[13]),
        ["NONE without DONE"] = cookie => Wire.Chunk(cookie, 0, false, []),
        ["NONE with a payload"] = cookie => Wire.Chunk(cookie, 0, true, [1]),
        ["block status to a read"] = cookie => Wire.Status(cookie, 1, true, (512, 0)),
        ["unknown content"] = cookie => Wire.Chunk(cookie, 77, true, [1, 2]),
        ["error number 0"] = cookie => Wire.Error(cookie, 0, "", true),
        ["error without a number"] = cookie => Wire.Chunk(cookie, 0x8001, true, [1, 2]),
        ["error outside the range"] = cookie => Wire.ErrorAt(cookie, 5, 528, true),
        ["error text that lies"] = cookie => Wire.Chunk(cookie, 0x8001, true, new Wire().U32(5).U16(9).Text("short").ToArray()),
        ["error text that is huge"] = cookie => new Wire().U32(0x668e33ef).U16(1).U16(0x8001).U64(cookie).U32(1 << 30),
    };

    /// <summary>Replies to a write of 16 bytes at offset 512 that break the protocol.</summary>
    private static readonly Dictionary<string, Func<ulong, Wire>> WriteReplies = new()
    {
        ["wrong magic"] = _ => new Wire().U32(0x25609513).Raw(new byte[60]),
        ["unknown cookie"] = cookie => Wire.Done(cookie + 1),
        ["unknown cookie in a simple reply"] = cookie => Wire.Simple(cookie + 1, 0),
        ["the highest cookie"] = _ => Wire.Simple(ulong.MaxValue, 0),
        ["data"] = cookie => Wire.Data(cookie, 512, Sixteen, true),
        ["hole"] = cookie => Wire.Hole(cookie, 512, 16, true),
        ["block status"] = cookie => Wire.Status(cookie, 1, true, (512, 0)),
        ["unknown content"] = cookie => Wire.Chunk(cookie, 77, true, [1, 2]),
        ["NONE without DONE"] = cookie => Wire.Chunk(cookie, 0, false, []),
        ["NONE with a payload"] = cookie => Wire.Chunk(cookie, 0, true, [1]),
        ["error number 0"] = cookie => Wire.Error(cookie, 0, "", true),
        ["error before the range"] = cookie => Wire.ErrorAt(cookie, 5, 511, true),
        ["errors without an end"] = cookie => Enumerable.Repeat(Wire.Error(cookie, 5, "", false).ToArray(), 2000).Aggregate(new Wire(), (all, one) => all.Raw(one)),
    };

    public static TheoryData<string> BrokenReplies => [.. Replies.Keys];

    public static TheoryData<string> BrokenWriteReplies => [.. WriteReplies.Keys];

    [Theory]
    [MemberData(nameof(BrokenReplies))]
    public async Task ABrokenReplyEndsTheConnection(string what)
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectAsync(async fake => await fake.SendAsync(Replies[what]((await fake.ReadRequestAsync()).Cookie)));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 512, 16));
        MomentException violation = Assert.IsType<MomentException>(failure.ErrorId.Name == "NbdConnectionLost" ? failure.InnerException : failure);
        Assert.True(violation.ErrorId.Name == "NbdProtocolViolation", $"{what}: {violation.Message}");

        MomentException later = await Assert.ThrowsAsync<MomentException>(() => ReadAsync(client, 0, 1));
        Assert.Equal("NbdConnectionLost", later.ErrorId.Name);
        Assert.Equal("NbdProtocolViolation", Assert.IsType<MomentException>(later.InnerException).ErrorId.Name);
    }

    [Theory]
    [MemberData(nameof(BrokenWriteReplies))]
    public async Task ABrokenReplyToAWriteLeavesItInDoubt(string what)
    {
        await using var server = new FakeServer { Flags = 0x145 };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.ReadRequestAsync();
            await fake.SendAsync(WriteReplies[what]((await fake.ReadRequestAsync()).Cookie));
        });
        Task other = client.ZeroAsync(0, 512, FakeServer.Limit()).AsTask();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.WriteAsync(512, Sixteen, FakeServer.Limit()).AsTask());
        MomentException violation = Assert.IsType<MomentException>(failure.ErrorId.Name == "NbdConnectionLost" ? failure.InnerException : failure);
        Assert.True(violation.ErrorId.Name == "NbdProtocolViolation", $"{what}: {violation.Message}");
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => other);
        Assert.Equal("NbdConnectionLost", lost.ErrorId.Name);
        Assert.Contains("under way: whether", lost.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AReplyTwiceIsOneTooMany()
    {
        await using var server = new FakeServer { Flags = 0x145 };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong cookie = (await fake.ReadRequestAsync()).Cookie;
            await fake.SendAsync(Wire.Done(cookie).Raw(Wire.Done(cookie).ToArray()));
        });
        await client.WriteAsync(0, Sixteen, FakeServer.Limit());
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => client.FlushAsync(FakeServer.Limit()));
        Assert.Equal("NbdProtocolViolation", Assert.IsType<MomentException>(lost.InnerException).ErrorId.Name);
    }

    private static async Task<byte[]> ReadAsync(NbdClient client, long offset, int length)
    {
        byte[] buffer = new byte[length];
        await client.ReadAsync(offset, buffer, FakeServer.Limit());
        return buffer;
    }
}
