using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>What a peer sends without end costs no more than the bound.</summary>
public sealed class QmpLongMessageTests
{
    [Fact]
    public async Task AMessageWithoutEndIsGivenUpAtTheBound()
    {
        var endless = new EndlessStream();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(
            () => QmpClient.OverAsync(endless, "endless", CancellationToken.None, new QmpOptions { MaxReplyBytes = 1 << 20 }));
        Assert.Equal(QmpErrors.QmpProtocolViolation, failure.ErrorId);
        Assert.InRange(endless.Given, 1 << 20, (1 << 20) + (64 << 10));
    }

    private sealed class EndlessStream : MemoryStream
    {
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Fill((byte)'x');
            if (Given == 0)
                "{\"QMP\": \""u8.CopyTo(buffer.Span);
            Given += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
