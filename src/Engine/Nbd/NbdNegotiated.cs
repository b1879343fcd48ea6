namespace MomentTools.Nbd;

/// <summary>What the handshake agreed on for one export.</summary>
internal sealed record NbdNegotiated(
    long Length, NbdNumbers.ExportFlags Flags, NbdBlockSizes BlockSizes, bool StructuredReplies, IReadOnlyList<NbdContext> Contexts);
