namespace MomentTools.Tests.Operations;

/// <summary>What the oracle remembers of one disk at one moment.</summary>
/// <param name="Content">Every byte of it.</param>
/// <param name="At">How much had been written down in the disk's log.</param>
internal sealed record StoryMoment(byte[] Content, int At);
