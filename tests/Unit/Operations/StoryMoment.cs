namespace MomentTools.Tests.Operations;

/// <summary>What the oracle remembers of one disk at one instant of its life.</summary>
/// <param name="Content">Every byte of it.</param>
/// <param name="Before">The instant before it in the disk's tree, or null.</param>
/// <param name="Since">The log of what was done to the disk between the two: blocks, and entries that are no blocks.</param>
internal sealed record StoryMoment(byte[] Content, StoryMoment? Before, IReadOnlyList<long> Since)
{
    private readonly int _depth = Before is null ? 0 : Before._depth + 1;

    public bool DescendsFrom(StoryMoment above)
    {
        for (StoryMoment? at = this; at is not null; at = at.Before)
            if (ReferenceEquals(at, above))
                return true;
        return false;
    }

    /// <summary>The last instant that both descend from, or null.</summary>
    public static StoryMoment? Meeting(StoryMoment? one, StoryMoment? other)
    {
        while (!ReferenceEquals(one, other))
            (one, other) = other is null || (one is not null && one._depth >= other._depth) ? (one!.Before, other) : (one, other.Before);
        return one;
    }

    /// <summary>All that was done on the way from one instant to another, over the last that both descend from.</summary>
    public static IEnumerable<long> Between(StoryMoment? one, StoryMoment? other)
    {
        List<IReadOnlyList<long>> passed = [];
        while (!ReferenceEquals(one, other))
        {
            bool first = other is null || (one is not null && one._depth >= other._depth);
            StoryMoment lower = (first ? one : other)!;
            passed.Add(lower.Since);
            (one, other) = first ? (lower.Before, other) : (one, lower.Before);
        }

        return passed.SelectMany(log => log);
    }
}
