using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Negotiation with servers that are old, broken, hostile or not NBD at all.</summary>
public sealed class NbdHandshakeTests
{
    private const uint Ack = 1;
    private const uint Unsupported = 0x80000001;

    private static readonly byte[] ExportOfOneMegabyte = new Wire().U16(0).U64(1 << 20).U16(3).ToArray();

    public static TheoryData<string, byte[]> BrokenGreetings => new()
    {
        { "NbdProtocolViolation", new Wire().Text("HTTP/1.1 400 Bad Request").ToArray() },
        { "NbdProtocolViolation", new Wire().Text("NBDMAGIC").Text("IHAVENOT").ToArray() },
        { "NbdServerTooOld", new Wire().Text("NBDMAGIC").U64(0x00420281861253).Raw(new byte[140]).ToArray() },
        { "NbdServerTooOld", Wire.Greeting(flags: 0).ToArray() },
        { "NbdConnectionLost", new Wire().Text("NBDM").ToArray() },
        { "NbdConnectionLost", [] },
        { "NbdConnectionLost", Wire.Greeting().ToArray() },
    };

    public static TheoryData<string, byte[]> BrokenAnswersToStructuredReply => new()
    {
        { "NbdProtocolViolation", new Wire().Raw(new byte[20]).ToArray() },
        { "NbdProtocolViolation", Wire.OptionReply(7, Ack, []).ToArray() },
        { "NbdProtocolViolation", Wire.OptionReply(8, Ack, [1]).ToArray() },
        { "NbdProtocolViolation", Wire.OptionReply(8, 2, []).ToArray() },
        { "NbdProtocolViolation", new Wire().U64(0x3e889045565a9).U32(8).U32(Ack).U32(uint.MaxValue).ToArray() },
        { "NbdTlsRequired", Wire.OptionReply(8, 0x80000005, new Wire().Text("TLS\u0007 please").ToArray()).ToArray() },
    };

    public static TheoryData<string, byte[]> BrokenAnswersToGo => new()
    {
        { "NbdProtocolViolation", Go(Ack, []) },
        { "NbdProtocolViolation", Go(3, [0]) },
        { "NbdProtocolViolation", Go(2, new byte[8]) },
        { "NbdProtocolViolation", Go(3, ExportOfOneMegabyte[..11]) },
        { "NbdProtocolViolation", Go(3, new Wire().U16(0).U64(1ul << 63).U16(3).ToArray()) },
        { "NbdProtocolViolation", Go(3, new Wire().U16(0).U64(1).U16(0).ToArray()) },
        { "NbdProtocolViolation", Go(3, BlockSizes(3, 4096, 1 << 20)) },
        { "NbdProtocolViolation", Go(3, BlockSizes(0, 4096, 1 << 20)) },
        { "NbdProtocolViolation", Go(3, BlockSizes(1 << 17, 1 << 17, 1 << 20)) },
        { "NbdProtocolViolation", Go(3, BlockSizes(4096, 512, 1 << 20)) },
        { "NbdProtocolViolation", Go(3, BlockSizes(1, 4096, 100)) },
        { "NbdTlsRequired", Go(0x80000005, []) },
        { "NbdNegotiationRefused", Go(0x80000002, new Wire().Text("not for you").ToArray()) },
        { "NbdNegotiationRefused", Go(0x80000007, []) },
        { "NbdNegotiationRefused", Go(0x800000ff, []) },
    };

    [Theory]
    [MemberData(nameof(BrokenGreetings))]
    public async Task ABrokenGreetingIsNamed(string error, byte[] greeting)
    {
        await using var server = new FakeServer();
        await RefusedAsync(error, server.ConnectRawAsync(async fake =>
        {
            await fake.Stream.WriteAsync(greeting);
            fake.Stream.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        }));
    }

    [Theory]
    [MemberData(nameof(BrokenAnswersToStructuredReply))]
    public async Task ABrokenOptionReplyIsNamed(string error, byte[] reply)
    {
        await using var server = new FakeServer();
        await RefusedAsync(error, server.ConnectRawAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            await fake.Stream.WriteAsync(reply);
        }));
    }

    [Theory]
    [MemberData(nameof(BrokenAnswersToGo))]
    public async Task ABrokenDescriptionOfTheExportIsNamed(string error, byte[] reply)
    {
        await using var server = new FakeServer();
        MomentException refusal = await RefusedAsync(error, server.ConnectRawAsync(async fake =>
        {
            await GreetAsync(fake);
            await fake.ReadOptionAsync();
            await fake.Stream.WriteAsync(reply);
        }));
        Assert.DoesNotContain(refusal.Message, char.IsControl);
    }

    [Fact]
    public async Task AnUnknownExportIsNamedWithTheOnesThereAre()
    {
        await using var server = new FakeServer();
        MomentException refusal = await RefusedAsync("NbdExportNotFound", server.ConnectRawAsync(async fake =>
        {
            await GreetAsync(fake);
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(7, 0x80000006, new Wire().Text("no such thing").ToArray()));
            Assert.Equal(3u, (await fake.ReadOptionAsync()).Option);
            await fake.SendAsync(
                Wire.OptionReply(3, 2, new Wire().U32(3).Text("vda").Text("the first disk").ToArray()),
                Wire.OptionReply(3, 2, new Wire().U32(3).Text("vdb").ToArray()),
                Wire.OptionReply(3, Ack, []));
        }));
        Assert.Contains("no such thing", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'vda', 'vdb'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AListsExportsHaveNamesAndDescriptions()
    {
        await using var server = new FakeServer();
        Task script = server.RunAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            await fake.SendAsync(
                Wire.OptionReply(3, 2, new Wire().U32(3).Text("vda").Text("the first disk").ToArray()),
                Wire.OptionReply(3, 2, new Wire().U32(0).ToArray()),
                Wire.OptionReply(3, Ack, []));
            Assert.Equal(2u, (await fake.ReadOptionAsync()).Option);
        });
        Assert.Equal([new NbdExport("vda", "the first disk"), new NbdExport("", "")], await NbdClient.ListAsync(server.Address, FakeServer.Limit()));
        await script;
    }

    [Theory]
    [InlineData(9u, "vda")]
    [InlineData(uint.MaxValue, "vda")]
    [InlineData(1u, "\0")]
    public async Task AListedNameThatLiesIsRefused(uint claimed, string name)
    {
        await using var server = new FakeServer();
        _ = server.RunAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(3, 2, new Wire().U32(claimed).Text(name).ToArray()));
        });
        await RefusedAsync("NbdProtocolViolation", NbdClient.ListAsync(server.Address, FakeServer.Limit()));
    }

    [Fact]
    public async Task AnEndlessListIsCutOff()
    {
        await using var server = new FakeServer();
        _ = server.RunAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            byte[] entries = [.. Enumerable.Repeat(Wire.OptionReply(3, 2, new Wire().U32(0).ToArray()).ToArray(), 1000).SelectMany(entry => entry)];
            while (true)
                await fake.Stream.WriteAsync(entries);
        });
        await RefusedAsync("NbdProtocolViolation", NbdClient.ListAsync(server.Address, FakeServer.Limit()));
    }

    [Fact]
    public async Task OneContextGivenTwiceIsRefused()
    {
        await using var server = new FakeServer();
        await RefusedAsync("NbdProtocolViolation", server.ConnectRawAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(8, Ack, []));
            await fake.ReadOptionAsync();
            await fake.SendAsync(
                Wire.OptionReply(10, 4, new Wire().U32(1).Text("base:allocation").ToArray()),
                Wire.OptionReply(10, 4, new Wire().U32(1).Text("qemu:dirty-bitmap:b").ToArray()));
        }, null, "base:allocation"));
    }

    [Fact]
    public async Task AServerWithoutGoIsEnteredByExportName()
    {
        await using var server = new FakeServer();
        await using NbdClient client = await server.ConnectRawAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting(flags: 1));
            Assert.Equal([0, 0, 0, 1], await fake.ReadAsync(4));
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(8, Unsupported, []));
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(7, Unsupported, []));
            (uint option, byte[] name) = await fake.ReadOptionAsync();
            Assert.Equal(1u, option);
            Assert.Equal("x"u8, name);
            await fake.SendAsync(new Wire().U64(4096).U16(3).Raw(new byte[124]));
            FakeRequest request = await fake.ReadRequestAsync();
            await fake.SendAsync(Wire.Simple(request.Cookie, 0, [7, 8]));
            Assert.Equal(2, (await fake.ReadRequestAsync()).Command);
            fake.Stream.Dispose();
        });
        Assert.Equal(4096, client.Length);
        byte[] bytes = new byte[2];
        await client.ReadAsync(0, bytes, FakeServer.Limit());
        Assert.Equal([7, 8], bytes);
    }

    [Fact]
    public async Task ASilentServerIsGivenUpInTime()
    {
        await using var server = new FakeServer();
        var patience = new NbdOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(200) };
        await RefusedAsync("NbdHandshakeTimeout", server.ConnectRawAsync(_ => Task.CompletedTask, patience));
    }

    [Fact]
    public async Task AGreetingCanBeCancelled()
    {
        await using var server = new FakeServer();
        using var cancel = new CancellationTokenSource(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => NbdClient.ConnectAsync(server.Address, "x", [], cancel.Token));
    }

    [Fact]
    public async Task NobodyListeningIsAFailureToConnect()
    {
        MomentException failure = await RefusedAsync("NbdConnectFailed", NbdClient.ConnectAsync(new UnixNbdAddress("/nowhere/at/all"), "x", [], FakeServer.Limit()));
        Assert.Equal(2, failure.PeerErrorNumber);
    }

    [Fact]
    public async Task ANameTooLongIsRefusedBeforeAnythingIsSent()
    {
        await using var server = new FakeServer();
        Task script = server.RunAsync(fake => fake.ReadAsync(1));
        await RefusedAsync("NbdNameTooLong", NbdClient.ConnectAsync(server.Address, new string('x', 4097), [], FakeServer.Limit()));
        await Assert.ThrowsAnyAsync<IOException>(() => script);
    }

    private static byte[] Go(uint type, byte[] payload) =>
        new Wire().Raw(Wire.OptionReply(7, type, payload).ToArray()).Raw(Wire.OptionReply(7, Ack, []).ToArray()).ToArray();

    private static byte[] BlockSizes(uint minimum, uint preferred, uint maximum) => new Wire().U16(3).U32(minimum).U32(preferred).U32(maximum).ToArray();

    private static async Task GreetAsync(FakeServer fake)
    {
        await fake.SendAsync(Wire.Greeting());
        await fake.ReadAsync(4);
        await fake.ReadOptionAsync();
        await fake.SendAsync(Wire.OptionReply(8, Ack, []));
    }

    private static async Task<MomentException> RefusedAsync(string error, Task attempt)
    {
        MomentException refusal = await Assert.ThrowsAsync<MomentException>(() => attempt);
        Assert.Equal(error, refusal.ErrorId.Name);
        return refusal;
    }
}
