namespace MomentTools.Blocks;

/// <summary>What a copy carried: bytes that were read and written, and bytes that were known to be zero and not read.</summary>
internal readonly record struct BlockCopyResult(long DataLength, long ZeroLength);
