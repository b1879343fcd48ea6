using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>Write-zeroes on the wire; what it does to a bitmap is for the tests of authoring.</summary>
public sealed class NbdWriteZeroesTests
{
    // HAS_FLAGS, SEND_FLUSH, SEND_WRITE_ZEROES.
    private const ushort Writable = 0x45;

    [Fact]
    public async Task ZeroesAreWrittenWithoutHolesInPiecesOfAGibibyte()
    {
        List<FakeRequest> seen = [];
        await using var server = new FakeServer { Size = 3ul << 30, Flags = Writable };
        await using NbdClient client = await server.ConnectAsync(async fake =>
        {
            for (int at = 0; at < 2; at++)
            {
                seen.Add(await fake.ReadRequestAsync());
                await fake.SendAsync(Wire.Done(seen[^1].Cookie));
            }
        });
        Assert.True(client.CanWriteZeroes);
        await client.WriteZeroesAsync(4096, (1L << 30) + 512, FakeServer.Limit());
        Assert.Equal([(6, 2, 4096ul, 1u << 30), (6, 2, (1ul << 30) + 4096, 512u)], seen.Select(request => ((int)request.Command, (int)request.Flags, request.Offset, request.Length)));
    }

    [Theory]
    [InlineData(0x47)]
    [InlineData(0x05)]
    public async Task AnExportThatCannotTakeThemIsNotAsked(int flags)
    {
        await using var server = new FakeServer { Flags = (ushort)flags };
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => client.WriteZeroesAsync(0, 512, FakeServer.Limit()));
        Assert.Equal(NbdErrors.NbdExportNotWritable, refused.ErrorId);
    }

    [Theory]
    [InlineData(-512, 512)]
    [InlineData(0, -512)]
    [InlineData(1 << 20, 512)]
    [InlineData(512, long.MaxValue)]
    [InlineData(0, 100)]
    [InlineData(100, 512)]
    public async Task ABadRangeIsRefusedBeforeAnythingIsSent(long offset, long length)
    {
        await using var server = new FakeServer { Flags = Writable, BlockSizes = (512, 4096, 1 << 20) };
        await using NbdClient client = await server.ConnectAsync(_ => Task.CompletedTask);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => client.WriteZeroesAsync(offset, length, FakeServer.Limit()));
        Assert.Equal(NbdErrors.NbdRangeInvalid, refused.ErrorId);
    }

    [Fact]
    public async Task TheServersErrorIsKept()
    {
        await using var server = new FakeServer { Flags = Writable };
        await using NbdClient client = await server.ConnectAsync(async fake => await fake.SendAsync(Wire.Simple((await fake.ReadRequestAsync()).Cookie, 28)), null);
        MomentException failed = await Assert.ThrowsAsync<MomentException>(() => client.WriteZeroesAsync(512, 512, FakeServer.Limit()));
        Assert.Equal((NbdErrors.NbdCommandFailed, 28), (failed.ErrorId, failed.PeerErrorNumber));
        Assert.Contains("write 512 zeroes at offset 512", failed.Message, StringComparison.Ordinal);
    }
}
