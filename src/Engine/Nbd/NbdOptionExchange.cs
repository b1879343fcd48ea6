using System.Buffers.Binary;
using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>Option haggling: one option goes out, its replies come in until an acknowledgement or an error (NBD protocol, "Option types").</summary>
internal sealed class NbdOptionExchange(NbdStream stream)
{
    private const int HeaderLength = 16;

    /// <summary>Takes one reply that is neither an acknowledgement nor an error. The payload is valid only during the call.</summary>
    public delegate void ReplyHandler(OptionReply type, ReadOnlySpan<byte> payload);

    /// <summary>Sends an option and reads all replies to it.</summary>
    /// <returns>How it ended: <see cref="OptionReply.Ack"/>, or the error and the server's words.</returns>
    public async Task<(OptionReply End, string Words)> AskAsync(
        Option option, ReadOnlyMemory<byte> data, ReplyHandler? take, CancellationToken cancellation, int maxReplies = NbdLimits.MaxOptionReplies)
    {
        await SendAsync(option, data, cancellation);
        return await HearAsync(option, take, cancellation, maxReplies);
    }

    /// <summary>Reads all replies to an option that was sent; replies come in the order of the options.</summary>
    public async Task<(OptionReply End, string Words)> HearAsync(
        Option option, ReplyHandler? take, CancellationToken cancellation, int maxReplies = NbdLimits.MaxOptionReplies)
    {
        for (int replies = 0; replies <= maxReplies; replies++)
        {
            (OptionReply type, int length) = await ReadHeaderAsync(option, cancellation);
            ReadOnlyMemory<byte> payload = await stream.ReadExactAsync(length, cancellation);
            if (((uint)type & OptionErrorBit) != 0)
                return (type, NbdText.Words(payload.Span));
            if (type == OptionReply.Ack)
                return length == 0 ? (type, "") : throw Violation($"an acknowledgement of {option} carries {length} bytes");
            if (take is null)
                throw Violation($"{option} is answered with reply type {(uint)type}");
            take(type, payload.Span);
        }

        throw Violation($"{option} has more than {maxReplies} replies");
    }

    public Task SendAsync(Option option, ReadOnlyMemory<byte> data, CancellationToken cancellation) => SendAsync([(option, data)], cancellation);

    /// <summary>Sends several options at once, without waiting for what is said to each.</summary>
    public async Task SendAsync(IReadOnlyList<(Option Option, ReadOnlyMemory<byte> Data)> options, CancellationToken cancellation)
    {
        byte[] message = new byte[options.Sum(one => HeaderLength + one.Data.Length)];
        int at = 0;
        foreach ((Option option, ReadOnlyMemory<byte> data) in options)
        {
            Span<byte> header = message.AsSpan(at);
            BinaryPrimitives.WriteUInt64BigEndian(header, OptionMagic);
            BinaryPrimitives.WriteUInt32BigEndian(header[8..], (uint)option);
            BinaryPrimitives.WriteUInt32BigEndian(header[12..], (uint)data.Length);
            data.Span.CopyTo(header[HeaderLength..]);
            at += HeaderLength + data.Length;
        }

        await stream.WriteAsync(message, cancellation);
    }

    private async ValueTask<(OptionReply Type, int Length)> ReadHeaderAsync(Option option, CancellationToken cancellation)
    {
        ReadOnlySpan<byte> header = (await stream.ReadExactAsync(20, cancellation)).Span;
        ulong magic = BinaryPrimitives.ReadUInt64BigEndian(header);
        if (magic != OptionReplyMagic)
            throw Violation($"an option reply begins with 0x{magic:x16}");
        uint answered = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        if (answered != (uint)option)
            throw Violation($"a reply to option {answered} came when {option} ({(uint)option}) had been sent");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        if (length > NbdLimits.MaxOptionReply)
            throw Violation($"a reply to {option} claims {length} bytes, {NbdLimits.MaxOptionReply} are the most that makes sense");
        return ((OptionReply)BinaryPrimitives.ReadUInt32BigEndian(header[12..]), (int)length);
    }

    private MomentException Violation(string what) => NbdErrors.Violation(stream.Endpoint, what);
}
