using System.Buffers.Binary;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>The payloads of options and of their replies, from and to bytes (NBD protocol, "Option types" and "Option reply types").</summary>
internal static class NbdPayload
{
    /// <summary>NBD_OPT_GO: the export's name and the one piece of information we ask for, NBD_INFO_BLOCK_SIZE.</summary>
    public static byte[] Go(byte[] name)
    {
        byte[] data = new byte[4 + name.Length + 4];
        int at = PutString(data, 0, name);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(at), 1);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(at + 2), (ushort)Info.BlockSize);
        return data;
    }

    /// <summary>NBD_OPT_SET_META_CONTEXT and NBD_OPT_LIST_META_CONTEXT: the export's name and the queries.</summary>
    public static byte[] ContextQuery(byte[] name, IReadOnlyList<string> contexts)
    {
        byte[][] queries = [.. contexts.Select(context => NbdText.Bytes(context, "metadata context"))];
        byte[] data = new byte[4 + name.Length + 4 + queries.Sum(query => 4 + query.Length)];
        int at = PutString(data, 0, name);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(at), (uint)queries.Length);
        at += 4;
        foreach (byte[] query in queries)
            at = PutString(data, at, query);
        return data;
    }

    /// <summary>NBD_REP_META_CONTEXT: id and name.</summary>
    public static NbdContext Context(OptionReply type, ReadOnlySpan<byte> payload, NbdEndpoint endpoint)
    {
        if (type != OptionReply.MetaContext || payload.Length < 5)
            throw NbdErrors.Violation(endpoint, $"a metadata context is given as reply type {(uint)type} of {payload.Length} bytes");
        return new NbdContext(BinaryPrimitives.ReadUInt32BigEndian(payload), NbdText.Name(payload[4..], "name of a metadata context", endpoint));
    }

    /// <summary>NBD_REP_SERVER: the name's length, the name, and what is left is the description.</summary>
    public static NbdExport Export(OptionReply type, ReadOnlySpan<byte> payload, NbdEndpoint endpoint)
    {
        if (type != OptionReply.Server || payload.Length < 4)
            throw NbdErrors.Violation(endpoint, $"an export is listed as reply type {(uint)type} of {payload.Length} bytes");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(payload);
        if (length > payload.Length - 4)
            throw NbdErrors.Violation(endpoint, $"the name of a listed export claims {length} bytes of {payload.Length - 4}");
        return new NbdExport(NbdText.Name(payload.Slice(4, (int)length), "name of a listed export", endpoint), NbdText.Words(payload[(4 + (int)length)..]));
    }

    /// <summary>An error reply's name in the protocol.</summary>
    public static string NameOf(OptionReply error) => error switch
    {
        OptionReply.ErrUnsupported => "NBD_REP_ERR_UNSUP",
        OptionReply.ErrPolicy => "NBD_REP_ERR_POLICY",
        OptionReply.ErrInvalid => "NBD_REP_ERR_INVALID",
        OptionReply.ErrPlatform => "NBD_REP_ERR_PLATFORM",
        OptionReply.ErrTlsRequired => "NBD_REP_ERR_TLS_REQD",
        OptionReply.ErrUnknown => "NBD_REP_ERR_UNKNOWN",
        OptionReply.ErrShutdown => "NBD_REP_ERR_SHUTDOWN",
        OptionReply.ErrBlockSizeRequired => "NBD_REP_ERR_BLOCK_SIZE_REQD",
        OptionReply.ErrTooBig => "NBD_REP_ERR_TOO_BIG",
        _ => $"the error reply 0x{(uint)error:x8}",
    };

    private static int PutString(byte[] data, int at, byte[] text)
    {
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(at), (uint)text.Length);
        text.CopyTo(data, at + 4);
        return at + 4 + text.Length;
    }
}
