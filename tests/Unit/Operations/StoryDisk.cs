namespace MomentTools.Tests.Operations;

/// <summary>
/// The oracle of one disk: every byte it holds, every byte it held at each moment, and every block written since. Knows nothing of bitmaps.
/// </summary>
internal sealed class StoryDisk(string name, long size)
{
    public const int Grain = 65536;

    private readonly Dictionary<string, StoryMoment> _moments = new(StringComparer.Ordinal);
    private StoryMoment? _instant;

    public string Name { get; } = name;

    public byte[] Content { get; private set; } = new byte[size];

    public IReadOnlyDictionary<string, StoryMoment> Moments => _moments;

    public void Write(long offset, long length, byte pattern)
    {
        Content.AsSpan((int)offset, (int)length).Fill(pattern);
        Touch(offset, length);
    }

    /// <summary>Blocks count as changed although their content may be the same.</summary>
    public void Touch(long offset, long length)
    {
        foreach (StoryMoment moment in All())
            for (long block = offset / Grain; block * Grain < offset + length; block++)
                moment.Written.Add(block);
    }

    /// <summary>The instant that a moment under way stands for; it becomes one with <see cref="Keep"/>.</summary>
    public void Freeze() => _instant = new StoryMoment((byte[])Content.Clone());

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
        foreach (StoryMoment moment in All())
            moment.Exact = moment.Known = false;
    }

    /// <summary>Replaces the content where only the guest itself did something whose effect is read back.</summary>
    public void Refresh(byte[] content) => Content = content;

    public void Grow(long to)
    {
        byte[] content = Content;
        Array.Resize(ref content, (int)to);
        Content = content;
        foreach (StoryMoment moment in All())
            moment.Exact = false;
    }

    /// <summary>The blocks in which the content now is not what it was; what a disk has grown by counts as different.</summary>
    public IEnumerable<long> Differences(StoryMoment then)
    {
        for (int at = 0; at < Content.Length; at += Grain)
        {
            ReadOnlySpan<byte> now = Content.AsSpan(at, Math.Min(Grain, Content.Length - at));
            if (at + now.Length > then.Content.Length || !now.SequenceEqual(then.Content.AsSpan(at, now.Length)))
                yield return at / Grain;
        }
    }

    private IEnumerable<StoryMoment> All() => _instant is null ? _moments.Values : _moments.Values.Append(_instant);
}
