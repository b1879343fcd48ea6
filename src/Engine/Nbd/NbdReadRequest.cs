using System.Buffers.Binary;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>NBD_CMD_READ: fills the caller's buffer from chunks that may come in any order.</summary>
/// <remarks>
/// The buffer belongs to the caller again as soon as the wait ends, so it is lent to the stream only for the moment in which
/// bytes are there to be copied. A cancellation in that moment waits for its end; after it the payload is read over.
/// </remarks>
internal sealed class NbdReadRequest(NbdEndpoint endpoint, long offset, Memory<byte> buffer)
    : NbdRequest(endpoint, Command.Read, (ulong)offset, (uint)buffer.Length)
{
    private readonly Lock _gate = new();
    private readonly NbdCoverage _coverage = new();
    private CancellationToken? _abandonedBy;
    private bool _lent;

    public override async ValueTask ReceiveSimpleAsync(NbdStream stream, bool structuredReplies, CancellationToken cancellation)
    {
        if (structuredReplies)
            throw Violation("a read is answered with a simple reply although structured ones were agreed on");
        Cover(Offset, Length);
        await FillAsync(0, buffer.Length, stream, cancellation);
    }

    public override async ValueTask ReceiveContentAsync(ReplyType type, uint length, NbdStream stream, CancellationToken cancellation)
    {
        switch (type)
        {
            case ReplyType.OffsetData:
                if (length < 9 || length - 8 > Length)
                    throw Violation($"a data chunk of {length} bytes answers a read of {Length} bytes");
                ulong dataOffset = BinaryPrimitives.ReadUInt64BigEndian((await stream.ReadExactAsync(8, cancellation)).Span);
                await FillAsync(Cover(dataOffset, length - 8), (int)(length - 8), stream, cancellation);
                break;
            case ReplyType.OffsetHole:
                if (length != 12)
                    throw Violation($"a hole chunk has {length} bytes, not 12");
                ReadOnlyMemory<byte> hole = await stream.ReadExactAsync(12, cancellation);
                uint holeLength = BinaryPrimitives.ReadUInt32BigEndian(hole.Span[8..]);
                Clear(Cover(BinaryPrimitives.ReadUInt64BigEndian(hole.Span), holeLength), holeLength);
                break;
            default:
                throw Violation($"a read is answered with chunk type {(ushort)type}");
        }
    }

    protected override void Verify()
    {
        if (_coverage.Total != Length)
            throw Violation($"the reply to a read of {Length} bytes at offset {Offset} ended after {_coverage.Total} bytes");
    }

    protected override void Abandon(CancellationToken cancellation)
    {
        lock (_gate)
        {
            _abandonedBy = cancellation;
            if (!_lent)
                Cancel(cancellation);
        }
    }

    /// <summary>Books a run that a chunk brings; gives its place in the buffer.</summary>
    private int Cover(ulong at, uint length)
    {
        if (length == 0 || at < Offset || at - Offset > Length || length > Length - (at - Offset))
            throw Violation($"a chunk of {length} bytes at offset {at} answers a read of {Length} bytes at offset {Offset}");
        uint place = (uint)(at - Offset);
        if (!_coverage.TryAdd(place, length))
            throw Violation($"a chunk of {length} bytes at offset {at} overlaps an earlier one, or the reply comes in more than {NbdLimits.MaxPieces} loose pieces");
        return (int)place;
    }

    private async ValueTask FillAsync(int place, int count, NbdStream stream, CancellationToken cancellation)
    {
        while (count > 0)
        {
            await stream.WaitAsync(cancellation);
            if (!TryLend())
            {
                await stream.SkipAsync(count, cancellation);
                return;
            }

            int step;
            try
            {
                step = await stream.ReadSomeAsync(buffer.Slice(place, count), cancellation);
            }
            finally
            {
                GiveBack();
            }

            place += step;
            count -= step;
        }
    }

    private void Clear(int place, uint count)
    {
        if (!TryLend())
            return;
        buffer.Span.Slice(place, (int)count).Clear();
        GiveBack();
    }

    private bool TryLend()
    {
        lock (_gate)
            return _lent = _abandonedBy is null;
    }

    private void GiveBack()
    {
        lock (_gate)
        {
            _lent = false;
            if (_abandonedBy is { } cancellation)
                Cancel(cancellation);
        }
    }
}
