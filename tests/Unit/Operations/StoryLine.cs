namespace MomentTools.Tests.Operations;

/// <summary>One branch of one disk: the instant that it descends from, what it holds now, and what was done since.</summary>
internal sealed class StoryLine(StoryMoment? from, byte[] content)
{
    private List<long> _log = [];
    private StoryMoment? _instant;
    private List<long> _after = [];

    public byte[] Content { get; set; } = content;

    /// <summary>The instant that it descends from, or null.</summary>
    public StoryMoment? From { get; private set; } = from;

    /// <summary>The present state, as if it were a moment.</summary>
    public StoryMoment Now => new(Content, From, [.. _log]);

    public void Note(long entry)
    {
        _log.Add(entry);
        _after.Add(entry);
    }

    /// <summary>The instant that a moment under way stands for.</summary>
    public void Freeze()
    {
        _instant = new StoryMoment((byte[])Content.Clone(), From, [.. _log]);
        _after = [];
    }

    /// <summary>The frozen instant is in the tree from now on.</summary>
    public StoryMoment Keep()
    {
        From = _instant!;
        (_instant, _log, _after) = (null, _after, []);
        return From;
    }

    public void Drop() => _instant = null;
}
