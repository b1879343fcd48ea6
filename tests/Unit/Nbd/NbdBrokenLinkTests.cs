using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Connections that break while requests wait, or while one is on its way: what is known of the writes is said.</summary>
public sealed class NbdBrokenLinkTests
{
    private const ushort Writable = 0x145;

    [Fact]
    public async Task EveryWaitingRequestHearsHowManyWritesAreInDoubt()
    {
        await using var server = new FakeServer { Flags = Writable };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            for (int at = 0; at < 4; at++)
                await fake.ReadRequestAsync();
            fake.Stream.Dispose();
        });
        Task[] waiting =
        [
            client.WriteAsync(0, new byte[512], FakeServer.Limit()).AsTask(), client.ZeroAsync(512, 512, FakeServer.Limit()).AsTask(),
            client.ReadAsync(0, new byte[512], FakeServer.Limit()).AsTask(), client.FlushAsync(FakeServer.Limit()),
        ];
        foreach (Task task in waiting)
        {
            MomentException lost = await Assert.ThrowsAsync<MomentException>(() => task);
            Assert.Equal("NbdConnectionLost", lost.ErrorId.Name);
            Assert.Contains("2 writes were under way: whether they were carried out, wholly or in part, is not known.", lost.Message, StringComparison.Ordinal);
        }

        MomentException later = await Assert.ThrowsAsync<MomentException>(() => client.WriteAsync(0, new byte[512], FakeServer.Limit()).AsTask());
        Assert.Equal("NbdConnectionLost", later.ErrorId.Name);
        Assert.Contains("nothing more was sent", later.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutWritesNoneIsInDoubt()
    {
        await using var server = new FakeServer { Flags = Writable };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            await fake.ReadRequestAsync();
            fake.Stream.Dispose();
        });
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => client.ReadAsync(0, new byte[512], FakeServer.Limit()).AsTask());
        Assert.EndsWith("No write was under way.", lost.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFlushFailsOnceOneOfTheConnectionsIsLost()
    {
        var release = new TaskCompletionSource();
        await using var server = new ManyFakes(async (fake, number) =>
        {
            while (await fake.ReadRequestAsync() is { Command: not 2 } request)
            {
                if (number == 1 && request.Command == 1)
                {
                    fake.Stream.Dispose();
                    return;
                }

                if (request.Command == 1)
                    await release.Task;
                await fake.SendAsync(Wire.Simple(request.Cookie, 0));
            }

            fake.Stream.Dispose();
        });
        await using NbdConnections connections = await NbdConnections.ConnectAsync(server.Address, "x", [], 2, FakeServer.Limit());
        Assert.Equal(2, connections.Count);
        Task first = connections.WriteAsync(0, new byte[512], FakeServer.Limit()).AsTask(), second = connections.WriteAsync(512, new byte[512], FakeServer.Limit()).AsTask();
        await Assert.ThrowsAsync<MomentException>(() => Task.WhenAny(first, second).Unwrap());
        release.SetResult();
        Assert.Equal("NbdConnectionLost", (await Assert.ThrowsAsync<MomentException>(() => Task.WhenAll(first, second))).ErrorId.Name);
        Assert.Equal("NbdConnectionLost", (await Assert.ThrowsAsync<MomentException>(() => connections.FlushAsync(FakeServer.Limit()))).ErrorId.Name);
    }

    [Fact]
    public async Task AWriteThatTheServerDoesNotTakeIsCancelledWithTheConnection()
    {
        var hold = new TaskCompletionSource();
        await using var server = new FakeServer { Flags = Writable, Size = 64 << 20 };
        await using NbdClient client = await server.ConnectAsync(_ => hold.Task, new NbdOptions { DisconnectTimeout = TimeSpan.FromMilliseconds(200) });
        using var cancel = new CancellationTokenSource(100);
        var clock = Stopwatch.StartNew();
        Task first = client.WriteAsync(0, new byte[16 << 20], cancel.Token).AsTask();
        Task second = client.WriteAsync(16 << 20, new byte[512], cancel.Token).AsTask();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await Assert.ThrowsAnyAsync<Exception>(() => first);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 60_000);
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => client.FlushAsync(FakeServer.Limit()));
        Assert.Equal("NbdConnectionLost", lost.ErrorId.Name);
        Assert.Contains("did not take the rest", lost.Message, StringComparison.Ordinal);
        hold.SetResult();
    }

    [Fact]
    public async Task AServerThatAnswersWhatItDoesNotTakeIsGivenUp()
    {
        var hold = new TaskCompletionSource();
        await using var server = new FakeServer { Flags = Writable, Size = 64 << 20 };
        await using NbdClient client = await server.ConnectAsync(
            async fake =>
            {
                byte[] header = await fake.ReadAsync(28);
                await fake.SendAsync(Wire.Simple(System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)), 0));
                await hold.Task;
                fake.Stream.Dispose();
            },
            new NbdOptions { SilenceTimeout = TimeSpan.FromSeconds(3), DisconnectTimeout = TimeSpan.FromMilliseconds(100) });
        // The answer came before the bytes were taken: whether the write then counts as done is the server's affair, but nothing hangs.
        await client.WriteAsync(0, new byte[16 << 20], FakeServer.Limit());
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => client.FlushAsync(FakeServer.Limit()));
        Assert.Equal("NbdServerSilent", Assert.IsType<MomentException>(lost.InnerException).ErrorId.Name);
        hold.SetResult();
    }

    [Fact]
    public async Task ACancelledWriteIsStillAnsweredAndTheNextOneGoesOn()
    {
        var answer = new TaskCompletionSource();
        await using var server = new FakeServer { Flags = Writable };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            ulong first = (await fake.ReadRequestAsync()).Cookie;
            await answer.Task;
            await fake.SendAsync(Wire.Simple(first, 0));
            await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 0));
        });
        using var cancel = new CancellationTokenSource(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.WriteAsync(0, new byte[4096], cancel.Token).AsTask());
        answer.SetResult();
        await client.WriteAsync(0, new byte[4096], FakeServer.Limit());
        Assert.Equal(0, client.InFlight);
    }
}
