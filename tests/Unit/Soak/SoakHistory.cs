namespace MomentTools.Tests.Soak;

/// <summary>
/// Which moment follows which, as the story told it, and where a power cut fell: the bitmap that recorded then is lost, and nothing else. So
/// what changed is unknown just where the way from one end to the other leads over that piece.
/// </summary>
internal sealed class SoakHistory
{
    // What leads to each moment that there ever was; one that is removed stays a place on the way.
    private readonly Dictionary<string, Way> _moments = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Way> _branches = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Way> _kept = new(StringComparer.Ordinal);
    private Way _present = new(null, false);
    private Way? _left;

    /// <summary>A moment that was not there before was taken just now; what a restore left is kept under a new id.</summary>
    public void Follow(IEnumerable<string> moments, IEnumerable<string> kept)
    {
        foreach (string name in moments.Where(name => !_moments.ContainsKey(name)))
        {
            _moments.Add(name, _present);
            _present = new Way(name, false);
        }

        foreach (string id in kept)
            _kept.TryAdd(id, _left ?? _present);
        _left = null;
    }

    /// <summary>QEMU died.</summary>
    public void Cut() => _present = _present with { Cut = true };

    /// <param name="moment">The snapshot that was gone back to.</param>
    /// <param name="branch">The branch that was left, where its tip stays there; else it is kept for Undo.</param>
    public void GoBack(string moment, string? branch)
    {
        Leave(branch);
        _present = new Way(moment, false);
    }

    /// <param name="branch">Where the machine is now.</param>
    /// <param name="left">Where it was.</param>
    public void Switch(string branch, string left)
    {
        Leave(left);
        _present = _branches[branch];
    }

    /// <param name="kept">What was brought back.</param>
    /// <param name="active">The branch that the machine was on.</param>
    /// <param name="isThere">Whether the kept tip's branch had another tip meanwhile.</param>
    public void Undo(VMKeptState kept, string active, bool isThere)
    {
        // What was removed is back in its place.
        if (kept.Operation.StartsWith("Remove-", StringComparison.Ordinal) || kept.Branch is not { } branch)
            return;
        if (isThere && branch != active)
        {
            _left = _branches[branch];
            _branches[branch] = _kept[kept.Id];
            return;
        }

        Leave(isThere ? null : active);
        _present = _kept[kept.Id];
    }

    /// <summary>Whether what changed between two moments must be known.</summary>
    /// <param name="from">One.</param>
    /// <param name="to">The other, or null for now.</param>
    public bool IsKnown(string from, string? to)
    {
        Dictionary<string, Way> one = Line(from, _moments[from]), other = Line(to ?? "", to is null ? _present : _moments[to]);
        return !one.Where(way => !other.ContainsKey(way.Key)).Concat(other.Where(way => !one.ContainsKey(way.Key))).Any(way => way.Value.Cut);
    }

    /// <summary>Whether what was written since the last moment is lost.</summary>
    public bool IsPresentCut => _present.Cut;

    private void Leave(string? branch)
    {
        if (branch is null)
            _left = _present;
        else
            _branches[branch] = _present;
    }

    private Dictionary<string, Way> Line(string name, Way way)
    {
        Dictionary<string, Way> line = new(StringComparer.Ordinal) { [name] = way };
        for (; way.From is { } above; way = _moments[above])
            line.Add(above, _moments[above]);
        return line;
    }

    /// <param name="From">The moment before, or null for none.</param>
    /// <param name="Cut">Whether the power was cut between the two.</param>
    private sealed record Way(string? From, bool Cut);
}
