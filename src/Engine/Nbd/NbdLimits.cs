namespace MomentTools.Nbd;

/// <summary>Bounds on what a peer may send, from the protocol where it has one.</summary>
internal static class NbdLimits
{
    /// <summary>Bytes of any string (NBD protocol, "Conventions").</summary>
    public const int MaxString = 4096;

    /// <summary>Bytes of one option reply: the longest useful one is an export's name with its description.</summary>
    public const int MaxOptionReply = 4 + 2 * MaxString;

    /// <summary>Replies to one option other than NBD_OPT_LIST.</summary>
    public const int MaxOptionReplies = 1024;

    /// <summary>Exports in one list.</summary>
    public const int MaxExports = 65536;

    /// <summary>Payload bytes that no peer takes for an attack (NBD protocol, "Size constraints").</summary>
    public const uint MaxPayload = 1 << 25;

    /// <summary>The largest minimum block size that a server may demand.</summary>
    public const uint MaxMinimumBlock = 1 << 16;

    /// <summary>Descriptors in one block status chunk.</summary>
    public const uint MaxDescriptors = 1 << 20;

    /// <summary>The longest block status request: 32 bits, and a multiple of every minimum block size.</summary>
    public const uint MaxStatusLength = uint.MaxValue & ~(MaxMinimumBlock - 1);

    /// <summary>
    /// The longest request to write zeroes or to trim: it has no payload, so the bound on payloads is none for it, but servers count in 31 bits;
    /// a multiple of every minimum block size.
    /// </summary>
    public const int MaxZeroLength = 1 << 30;

    /// <summary>Bytes of an error chunk: number, length, the longest text, an offset, and room for fields yet unknown.</summary>
    public const int MaxErrorChunk = 6 + MaxString + 8 + 64;

    /// <summary>Error chunks in one reply.</summary>
    public const int MaxErrorChunks = 1024;

    /// <summary>Separate pieces of a read that may be outstanding between chunks: sane servers send a handful.</summary>
    public const int MaxPieces = 4096;
}
