using System.Buffers.Binary;
using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>The one receive loop: reads replies, simple or in chunks, and hands each to the request that its cookie names.</summary>
internal sealed class NbdReceiver(NbdStream stream, NbdPending pending, bool structuredReplies)
{
    /// <summary>Runs until the connection ends, which is always an exception.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            uint magic = BinaryPrimitives.ReadUInt32BigEndian((await stream.ReadExactAsync(4, cancellation)).Span);
            switch (magic)
            {
                case SimpleReplyMagic:
                    await ReceiveSimpleAsync(cancellation);
                    break;
                case StructuredReplyMagic when structuredReplies:
                    await ReceiveChunkAsync(cancellation);
                    break;
                default:
                    throw Violation($"a reply begins with 0x{magic:x8}");
            }
        }
    }

    private async ValueTask ReceiveSimpleAsync(CancellationToken cancellation)
    {
        ReadOnlyMemory<byte> header = await stream.ReadExactAsync(12, cancellation);
        uint error = BinaryPrimitives.ReadUInt32BigEndian(header.Span);
        NbdRequest request = pending.Find(BinaryPrimitives.ReadUInt64BigEndian(header.Span[4..]));
        try
        {
            if (error == 0)
                await request.ReceiveSimpleAsync(stream, structuredReplies, cancellation);
            else
                request.Note(new NbdServerError(error, "", null));
            request.Finish();
        }
        catch (MomentException violation)
        {
            request.Fail(violation);
            throw;
        }

        pending.Remove(request);
    }

    private async ValueTask ReceiveChunkAsync(CancellationToken cancellation)
    {
        ReadOnlyMemory<byte> header = await stream.ReadExactAsync(16, cancellation);
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(header.Span);
        var type = (ReplyType)BinaryPrimitives.ReadUInt16BigEndian(header.Span[2..]);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header.Span[12..]);
        NbdRequest request = pending.Find(BinaryPrimitives.ReadUInt64BigEndian(header.Span[4..]));
        bool done = (flags & ReplyFlagDone) != 0;
        try
        {
            if (((ushort)type & ReplyErrorBit) != 0)
                request.Note(await ReceiveErrorAsync(type, length, cancellation));
            else if (type != ReplyType.None)
                await request.ReceiveContentAsync(type, length, stream, cancellation);
            else if (length != 0 || !done)
                throw Violation($"a chunk of type NONE has {length} bytes and {(done ? "the" : "no")} DONE flag");
            if (!done)
                return;
            request.Finish();
        }
        catch (MomentException violation)
        {
            request.Fail(violation);
            throw;
        }

        pending.Remove(request);
    }

    // All errors, the kinds yet unknown too, begin with number, text length and text; fields of their own come last.
    private async ValueTask<NbdServerError> ReceiveErrorAsync(ReplyType type, uint length, CancellationToken cancellation)
    {
        int tail = type == ReplyType.ErrorOffset ? 8 : 0;
        if (length < 6 + tail || length > NbdLimits.MaxErrorChunk)
            throw Violation($"an error chunk has {length} bytes");
        ReadOnlyMemory<byte> payload = await stream.ReadExactAsync((int)length, cancellation);
        int words = BinaryPrimitives.ReadUInt16BigEndian(payload.Span[4..]);
        if (words > NbdLimits.MaxString || words > length - 6 - tail)
            throw Violation($"the text of an error chunk of {length} bytes claims {words} bytes");
        return new NbdServerError(
            BinaryPrimitives.ReadUInt32BigEndian(payload.Span),
            NbdText.Words(payload.Span.Slice(6, words)),
            tail == 0 ? null : BinaryPrimitives.ReadUInt64BigEndian(payload.Span[(6 + words)..]));
    }

    private MomentException Violation(string what) => NbdErrors.Violation(stream.Endpoint, what);
}
