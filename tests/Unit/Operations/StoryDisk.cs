namespace MomentTools.Tests.Operations;

/// <summary>
/// The oracle of one disk: every byte it holds, every byte it held at each moment, and a log of all that was ever written. Knows nothing
/// of bitmaps.
/// </summary>
internal sealed class StoryDisk(string name, long size)
{
    public const int Grain = 65536;

    // Entries of the log that are no blocks.
    private const long Resized = -1;
    private const long Replaced = -2;

    private readonly Dictionary<string, StoryMoment> _moments = new(StringComparer.Ordinal);
    private readonly List<long> _log = [];
    private StoryMoment? _instant;

    public string Name { get; } = name;

    public byte[] Content { get; private set; } = new byte[size];

    public IReadOnlyDictionary<string, StoryMoment> Moments => _moments;

    /// <summary>The images that it stands on.</summary>
    public IReadOnlyList<StoryBase> Bases { get; init; } = [];

    /// <summary>The start of the machine under which somebody wrote to an image beneath, or 0.</summary>
    public int WrittenBeneathIn { get; set; }

    /// <summary>The present state, as if it were a moment.</summary>
    public StoryMoment Now => new(Content, _log.Count);

    public void Write(long offset, long length, byte pattern)
    {
        Content.AsSpan((int)offset, (int)length).Fill(pattern);
        Touch(offset, length);
    }

    /// <summary>Blocks count as changed although their content may be the same.</summary>
    public void Touch(long offset, long length)
    {
        for (long block = offset / Grain; block * Grain < offset + length; block++)
            _log.Add(block);
    }

    /// <summary>The instant that a moment under way stands for; it becomes one with <see cref="Keep"/>.</summary>
    public void Freeze() => _instant = new StoryMoment((byte[])Content.Clone(), _log.Count);

    public byte[] Keep(string moment)
    {
        StoryMoment kept = _instant!;
        _moments.Add(moment, kept);
        _instant = null;
        return kept.Content;
    }

    public void Drop() => _instant = null;

    public void Forget(string moment) => _moments.Remove(moment);

    /// <summary>Another state took the content's place: by a crash, or by a copy of the image.</summary>
    public void Replace(byte[] content)
    {
        Content = content;
        _log.Add(Replaced);
    }

    /// <summary>What the disk holds is not known to be what it held at its last moment.</summary>
    public void Doubt() => _log.Add(Replaced);

    /// <summary>Replaces the content where only the guest itself did something whose effect is read back.</summary>
    public void Refresh(byte[] content) => Content = content;

    /// <summary>The disk has another size, and holds this.</summary>
    public void Resize(byte[] content)
    {
        Content = content;
        _log.Add(Resized);
    }

    /// <summary>Whether there must be an answer between two states: what closed before a crash is saved, what was open is lost with it.</summary>
    public bool IsKnown(StoryMoment one, StoryMoment other) => !Between(one, other).Contains(Replaced);

    /// <summary>Whether the answer must be what was written, no more.</summary>
    public bool IsExact(StoryMoment one, StoryMoment other) => Between(one, other).All(entry => entry >= 0);

    public HashSet<long> Written(StoryMoment one, StoryMoment other) => [.. Between(one, other)];

    /// <summary>The blocks in which two states differ; what one of them has more counts as different.</summary>
    public static IEnumerable<long> Differences(StoryMoment one, StoryMoment other, long end)
    {
        for (int at = 0; at < end; at += Grain)
            if (!Block(one, at).SequenceEqual(Block(other, at)))
                yield return at / Grain;
    }

    private static ReadOnlySpan<byte> Block(StoryMoment moment, int at) =>
        at >= moment.Content.Length ? [] : moment.Content.AsSpan(at, Math.Min(Grain, moment.Content.Length - at));

    private List<long> Between(StoryMoment one, StoryMoment other) =>
        _log.GetRange(Math.Min(one.At, other.At), Math.Abs(one.At - other.At));
}
