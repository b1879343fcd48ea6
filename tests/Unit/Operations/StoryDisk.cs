namespace MomentTools.Tests.Operations;

/// <summary>
/// The oracle of one disk: every byte it holds on each of its branches, every byte it held at each moment, and a log of all that was ever
/// written between the two. Knows nothing of bitmaps and layers.
/// </summary>
internal sealed class StoryDisk(string name, long size)
{
    public const int Grain = 65536;
    public const string Main = "main";

    // Entries of the log that are no blocks.
    private const long Resized = -1;
    private const long Replaced = -2;

    private readonly Dictionary<string, StoryMoment> _moments = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoryLine> _lines = new(StringComparer.Ordinal) { [Main] = new StoryLine(null, new byte[size]) };

    public string Name { get; } = name;

    /// <summary>The branch that the disk is on.</summary>
    public string Branch { get; private set; } = Main;

    public byte[] Content => Line.Content;

    public IReadOnlyDictionary<string, StoryMoment> Moments => _moments;

    /// <summary>The disk's branches.</summary>
    public IReadOnlyDictionary<string, StoryLine> Lines => _lines;

    /// <summary>The images that it stands on.</summary>
    public IReadOnlyList<StoryBase> Bases { get; init; } = [];

    /// <summary>The start of the machine under which somebody wrote to an image beneath, or 0.</summary>
    public int WrittenBeneathIn { get; set; }

    /// <summary>The present state, as if it were a moment.</summary>
    public StoryMoment Now => Line.Now;

    private StoryLine Line => _lines[Branch];

    public void Write(long offset, long length, byte pattern)
    {
        Content.AsSpan((int)offset, (int)length).Fill(pattern);
        Touch(offset, length);
    }

    /// <summary>Blocks count as changed although their content may be the same.</summary>
    public void Touch(long offset, long length)
    {
        for (long block = offset / Grain; block * Grain < offset + length; block++)
            Line.Note(block);
    }

    /// <summary>The instant that a moment under way stands for; it becomes one with <see cref="Keep"/>.</summary>
    public void Freeze() => Line.Freeze();

    public byte[] Keep(string moment)
    {
        StoryMoment kept = Line.Keep();
        _moments.Add(moment, kept);
        return kept.Content;
    }

    public void Drop() => Line.Drop();

    public void Forget(string moment) => _moments.Remove(moment);

    /// <summary>A forgotten moment is there again.</summary>
    public void Recall(string moment, StoryMoment instant) => _moments.Add(moment, instant);

    /// <summary>The moment that a state descends from: the nearest above it that is still there.</summary>
    public string? CurrentOf(StoryMoment? state) => NearestTo(state?.Before);

    /// <summary>The nearest moment at or above a state that is still there.</summary>
    public string? NearestTo(StoryMoment? state)
    {
        for (StoryMoment? at = state; at is not null; at = at.Before)
            foreach ((string moment, StoryMoment instant) in _moments)
                if (ReferenceEquals(instant, at))
                    return moment;
        return null;
    }

    /// <summary>The disk goes on from a moment on a branch, which it begins, or begins anew.</summary>
    public void Begin(string branch, StoryMoment from)
    {
        _lines[branch] = new StoryLine(from, (byte[])from.Content.Clone());
    }

    public void Enter(string branch) => Branch = branch;

    public void RenameBranch(string name, string to)
    {
        _lines.Remove(name, out StoryLine? line);
        _lines[to] = line!;
        if (Branch == name)
            Branch = to;
    }

    public void RemoveBranch(string name) => _lines.Remove(name);

    /// <summary>Another state took the content's place: by a crash, or by a copy of the image.</summary>
    public void Replace(byte[] content)
    {
        Line.Content = content;
        Line.Note(Replaced);
    }

    /// <summary>What the disk holds is not known to be what it held at its last moment.</summary>
    public void Doubt() => Line.Note(Replaced);

    /// <summary>Replaces the content where only the guest itself did something whose effect is read back.</summary>
    public void Refresh(byte[] content) => Line.Content = content;

    /// <summary>The disk has another size, and holds this.</summary>
    public void Resize(byte[] content)
    {
        Line.Content = content;
        Line.Note(Resized);
    }

    /// <summary>Whether there must be an answer between two states: what closed before a crash is saved, what was open is lost with it.</summary>
    public static bool IsKnown(StoryMoment one, StoryMoment other) => !StoryMoment.Between(one, other).Contains(Replaced);

    /// <summary>Whether the answer must be what was written, no more.</summary>
    public static bool IsExact(StoryMoment one, StoryMoment other) =>
        StoryMoment.Between(one, other).All(entry => entry >= 0) && one.Content.Length == other.Content.Length;

    public static HashSet<long> Written(StoryMoment one, StoryMoment other) => [.. StoryMoment.Between(one, other)];

    /// <summary>The blocks in which two states differ before an end; what one of them has more of there counts as different.</summary>
    public static IEnumerable<long> Differences(StoryMoment one, StoryMoment other, long end)
    {
        for (long at = 0; at < end; at += Grain)
            if (!IsSame(one, other, at, Math.Min(at + Grain, end)))
                yield return at / Grain;
    }

    /// <summary>Whether two states hold the same bytes, and as many of them, in a run.</summary>
    public static bool IsSame(StoryMoment one, StoryMoment other, long start, long end) => Part(one, start, end).SequenceEqual(Part(other, start, end));

    private static ReadOnlySpan<byte> Part(StoryMoment moment, long start, long end) =>
        start >= moment.Content.Length ? [] : moment.Content.AsSpan((int)start, (int)(Math.Min(end, moment.Content.Length) - start));
}
