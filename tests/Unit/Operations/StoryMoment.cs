namespace MomentTools.Tests.Operations;

/// <summary>What the oracle remembers of one disk at one moment.</summary>
/// <param name="content">Every byte of it.</param>
internal sealed class StoryMoment(byte[] content)
{
    public byte[] Content { get; } = content;

    /// <summary>The blocks written since.</summary>
    public HashSet<long> Written { get; } = [];

    /// <summary>Whether the answer must be what was written, no more.</summary>
    public bool Exact { get; set; } = true;

    /// <summary>Whether there must be an answer.</summary>
    public bool Known { get; set; } = true;
}
