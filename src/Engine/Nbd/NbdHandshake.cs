using System.Buffers.Binary;
using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>Fixed newstyle negotiation, from the server's greeting to the transmission phase (NBD protocol, "Handshake").</summary>
internal sealed class NbdHandshake(NbdStream stream, NbdTls? tls)
{
    private const string ContextAgreement = "agree on the metadata contexts";

    private readonly NbdOptionExchange _options = new(stream);
    private bool _noZeroes;

    /// <summary>Agrees on an export and enters the transmission phase.</summary>
    public async Task<NbdNegotiated> OpenAsync(string exportName, IReadOnlyList<string> contexts, CancellationToken cancellation)
    {
        byte[] name = NbdText.Bytes(exportName, "export name");
        byte[]? query = contexts.Count == 0 ? null : NbdPayload.ContextQuery(name, contexts);
        await GreetAsync(cancellation);
        // Sent at once: each wait for an answer would cost as much as the request that the connection is for.
        List<(Option Option, ReadOnlyMemory<byte> Data)> options = [(Option.StructuredReply, default)];
        if (query is not null)
            options.Add((Option.SetMetaContext, query));
        options.Add((Option.Go, NbdPayload.Go(name)));
        await _options.SendAsync(options, cancellation);

        bool structured = await HearOfStructuredRepliesAsync(cancellation);
        var granted = new List<NbdContext>();
        (OptionReply end, string words) = query is null ? (OptionReply.Ack, "") : await HearContextsAsync(Option.SetMetaContext, granted, cancellation);
        NbdExportInfo info = await EnterAsync(name, cancellation);
        if (!structured || end == OptionReply.ErrUnsupported)
            granted.Clear();
        else if (end != OptionReply.Ack)
            throw Refused(ContextAgreement, end, words);
        return new NbdNegotiated(info.Length, info.Flags, info.BlockSizes, structured, granted);
    }

    /// <summary>The exports that the server lists.</summary>
    public async Task<IReadOnlyList<NbdExport>> ListAsync(CancellationToken cancellation)
    {
        await GreetAsync(cancellation);
        (IReadOnlyList<NbdExport>? exports, OptionReply end, string words) = await AskForExportsAsync(cancellation);
        if (exports is null)
            throw Refused("list the exports", end, words);
        await _options.SendAsync(Option.Abort, default, cancellation);
        return exports;
    }

    /// <summary>The metadata contexts that the server has for an export.</summary>
    public async Task<IReadOnlyList<string>> ListContextsAsync(string exportName, CancellationToken cancellation)
    {
        byte[] query = NbdPayload.ContextQuery(NbdText.Bytes(exportName, "export name"), []);
        await GreetAsync(cancellation);
        await _options.SendAsync(Option.StructuredReply, default, cancellation);
        var contexts = new List<NbdContext>();
        if (await HearOfStructuredRepliesAsync(cancellation))
        {
            await _options.SendAsync(Option.ListMetaContext, query, cancellation);
            (OptionReply end, string words) = await HearContextsAsync(Option.ListMetaContext, contexts, cancellation);
            if (end == OptionReply.ErrUnknown)
                throw await ExportNotFoundAsync(words, cancellation);
            if (end is not (OptionReply.Ack or OptionReply.ErrUnsupported))
                throw Refused(ContextAgreement, end, words);
            if (end == OptionReply.ErrUnsupported)
                contexts.Clear();
        }

        await _options.SendAsync(Option.Abort, default, cancellation);
        return [.. contexts.Select(context => context.Name)];
    }

    private async Task GreetAsync(CancellationToken cancellation)
    {
        ulong first = BinaryPrimitives.ReadUInt64BigEndian((await stream.ReadExactAsync(8, cancellation)).Span);
        if (first != InitMagic)
            throw NbdErrors.Violation(stream.Endpoint, $"its greeting begins with 0x{first:x16} and not with NBDMAGIC");
        ulong second = BinaryPrimitives.ReadUInt64BigEndian((await stream.ReadExactAsync(8, cancellation)).Span);
        if (second == OldstyleMagic)
            throw NbdErrors.TooOld(stream.Endpoint, "newstyle negotiation");
        if (second != OptionMagic)
            throw NbdErrors.Violation(stream.Endpoint, $"NBDMAGIC is followed by 0x{second:x16} and not by IHAVEOPT");

        var flags = (HandshakeFlags)BinaryPrimitives.ReadUInt16BigEndian((await stream.ReadExactAsync(2, cancellation)).Span);
        if (!flags.HasFlag(HandshakeFlags.FixedNewstyle))
            throw NbdErrors.TooOld(stream.Endpoint, "fixed newstyle negotiation");
        flags &= HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes;
        _noZeroes = flags.HasFlag(HandshakeFlags.NoZeroes);
        byte[] answer = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)flags);
        await stream.WriteAsync(answer, cancellation);
        if (tls is not null)
            await StartTlsAsync(tls, cancellation);
    }

    // Whoever sits between could answer no: without TLS there is then no connection at all.
    private async Task StartTlsAsync(NbdTls tls, CancellationToken cancellation)
    {
        (OptionReply end, string words) = await _options.AskAsync(Option.StartTls, default, null, cancellation);
        if (end != OptionReply.Ack)
            throw NbdErrors.TlsNotOffered(stream.Endpoint, NbdPayload.NameOf(end), words);
        await stream.EncryptAsync(tls, cancellation);
    }

    private async Task<bool> HearOfStructuredRepliesAsync(CancellationToken cancellation)
    {
        (OptionReply end, string words) = await _options.HearAsync(Option.StructuredReply, null, cancellation);
        if (end == OptionReply.ErrTlsRequired)
            throw NbdErrors.TlsRequired(stream.Endpoint, words);
        return end == OptionReply.Ack;
    }

    private Task<(OptionReply End, string Words)> HearContextsAsync(Option option, List<NbdContext> granted, CancellationToken cancellation) =>
        _options.HearAsync(option, (type, payload) =>
        {
            NbdContext context = NbdPayload.Context(type, payload, stream.Endpoint);
            // A list's ids are reserved; those of a grant tell the chunks of a reply apart.
            if (granted.Exists(other => other.Name == context.Name || (option == Option.SetMetaContext && other.Id == context.Id)))
                throw NbdErrors.Violation(stream.Endpoint, $"it gives the metadata context '{context.Name}' a name or an id twice");
            granted.Add(context);
        }, cancellation);

    private async Task<NbdExportInfo> EnterAsync(byte[] name, CancellationToken cancellation)
    {
        var info = new NbdExportInfo(stream.Endpoint);
        (OptionReply end, string words) = await _options.HearAsync(Option.Go, info.Take, cancellation);
        switch (end)
        {
            case OptionReply.Ack:
                info.Verify();
                return info;
            case OptionReply.ErrUnsupported:
                return await EnterByExportNameAsync(name, info, cancellation);
            case OptionReply.ErrUnknown:
                throw await ExportNotFoundAsync(words, cancellation);
            default:
                throw Refused("enter the transmission phase", end, words);
        }
    }

    // The way of servers from before NBD_OPT_GO: an unknown name is answered by hanging up.
    private async Task<NbdExportInfo> EnterByExportNameAsync(byte[] name, NbdExportInfo info, CancellationToken cancellation)
    {
        await _options.SendAsync(Option.ExportName, name, cancellation);
        info.TakeExport((await stream.ReadExactAsync(10, cancellation)).Span);
        if (!_noZeroes)
            await stream.SkipAsync(124, cancellation);
        info.Verify();
        return info;
    }

    private async Task<(IReadOnlyList<NbdExport>? Exports, OptionReply End, string Words)> AskForExportsAsync(CancellationToken cancellation)
    {
        var exports = new List<NbdExport>();
        (OptionReply end, string words) = await _options.AskAsync(Option.List, default,
            (type, payload) => exports.Add(NbdPayload.Export(type, payload, stream.Endpoint)), cancellation, NbdLimits.MaxExports);
        return (end == OptionReply.Ack ? exports : null, end, words);
    }

    // A server that hides its list, or cannot give it, still has no such export: the candidates are a courtesy.
    private async Task<MomentException> ExportNotFoundAsync(string words, CancellationToken cancellation)
    {
        IReadOnlyList<NbdExport>? known = null;
        try
        {
            (known, _, _) = await AskForExportsAsync(cancellation);
            await _options.SendAsync(Option.Abort, default, cancellation);
        }
        catch (IOException)
        {
            // It hung up on the refused client; the refusal is the news.
        }

        return NbdErrors.ExportNotFound(stream.Endpoint, words, known);
    }

    private MomentException Refused(string doing, OptionReply end, string words) => end == OptionReply.ErrTlsRequired
        ? NbdErrors.TlsRequired(stream.Endpoint, words)
        : NbdErrors.NegotiationRefused(stream.Endpoint, doing, NbdPayload.NameOf(end), words);
}
