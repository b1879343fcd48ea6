namespace MomentTools.Nbd;

/// <summary>The protocol's magic numbers and values (NBD protocol, "Values").</summary>
internal static class NbdNumbers
{
    public const ulong InitMagic = 0x4e42444d41474943;        // "NBDMAGIC"
    public const ulong OptionMagic = 0x49484156454F5054;      // "IHAVEOPT"
    public const ulong OldstyleMagic = 0x00420281861253;
    public const ulong OptionReplyMagic = 0x3e889045565a9;
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint StructuredReplyMagic = 0x668e33ef;
    public const int RequestLength = 28;

    /// <summary>NBD_REPLY_FLAG_DONE: the last chunk of a reply.</summary>
    public const ushort ReplyFlagDone = 1;

    /// <summary>NBD_REP_… with this bit is an error.</summary>
    public const uint OptionErrorBit = 1u << 31;

    /// <summary>NBD_REPLY_TYPE_… with this bit is an error.</summary>
    public const ushort ReplyErrorBit = 1 << 15;

    /// <summary>Handshake flags; the client answers with the same bits.</summary>
    [Flags]
    public enum HandshakeFlags : ushort
    {
        None = 0,
        FixedNewstyle = 1,
        NoZeroes = 2,
    }

    /// <summary>Transmission flags of an export.</summary>
    [Flags]
    public enum ExportFlags : ushort
    {
        None = 0,
        HasFlags = 1,
        ReadOnly = 1 << 1,
        SendFlush = 1 << 2,
        SendFua = 1 << 3,
        SendTrim = 1 << 5,
        SendWriteZeroes = 1 << 6,
        CanMultiConn = 1 << 8,
        SendFastZero = 1 << 11,
    }

    /// <summary>NBD_OPT_…</summary>
    public enum Option : uint
    {
        ExportName = 1,
        Abort = 2,
        List = 3,
        StartTls = 5,
        Go = 7,
        StructuredReply = 8,
        ListMetaContext = 9,
        SetMetaContext = 10,
    }

    /// <summary>NBD_REP_…</summary>
    public enum OptionReply : uint
    {
        Ack = 1,
        Server = 2,
        Info = 3,
        MetaContext = 4,
        ErrUnsupported = OptionErrorBit + 1,
        ErrPolicy = OptionErrorBit + 2,
        ErrInvalid = OptionErrorBit + 3,
        ErrPlatform = OptionErrorBit + 4,
        ErrTlsRequired = OptionErrorBit + 5,
        ErrUnknown = OptionErrorBit + 6,
        ErrShutdown = OptionErrorBit + 7,
        ErrBlockSizeRequired = OptionErrorBit + 8,
        ErrTooBig = OptionErrorBit + 9,
    }

    /// <summary>NBD_INFO_…</summary>
    public enum Info : ushort
    {
        Export = 0,
        BlockSize = 3,
    }

    /// <summary>NBD_CMD_…</summary>
    public enum Command : ushort
    {
        Read = 0,
        Write = 1,
        Disconnect = 2,
        Flush = 3,
        Trim = 4,
        WriteZeroes = 6,
        BlockStatus = 7,
    }

    /// <summary>NBD_CMD_FLAG_…</summary>
    [Flags]
    public enum CommandFlags : ushort
    {
        None = 0,

        /// <summary>Answered only once what was written is on stable storage.</summary>
        Fua = 1 << 0,

        /// <summary>The zeroes must be allocated, not punched as a hole.</summary>
        NoHole = 1 << 1,

        /// <summary>Zeroes only if that is faster than writing them; ENOTSUP otherwise.</summary>
        FastZero = 1 << 4,
    }

    /// <summary>NBD_REPLY_TYPE_…</summary>
    public enum ReplyType : ushort
    {
        None = 0,
        OffsetData = 1,
        OffsetHole = 2,
        BlockStatus = 5,
        Error = ReplyErrorBit + 1,
        ErrorOffset = ReplyErrorBit + 2,
    }
}
