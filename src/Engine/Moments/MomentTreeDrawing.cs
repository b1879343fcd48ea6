using System.Text;

namespace MomentTools.Moments;

/// <summary>
/// Draws a moment tree as lines of plain text: the kind's letter, the name, "*" where it is current, and its age. The present
/// state hangs below the current moment as its last child, "(now)", with the disks' names where they disagree. Where there are several
/// branches, each hangs below the moment that it descends from, "(main)", "(try, now)".
/// A line has 80 columns at most; of a deep tree the levels nearest to the moment are drawn, behind "…".
/// </summary>
internal sealed class MomentTreeDrawing
{
    private const int NarrowestColumns = 40;
    private const int WidestColumns = 80;
    private const int LevelColumns = 3;
    private const string Gap = "  ";

    private readonly MomentTree _tree;
    private readonly int _columns;
    private readonly int _drawnLevels;
    private readonly Dictionary<MomentKey, string[]> _tips;

    // The moments on the way to the line that is being drawn, each with whether it is the last below its parent.
    private readonly List<(Moment Moment, int End, bool IsLast)> _path = [];
    private readonly List<(Moment? Moment, string Prefix, string Name, string Mark, string Age)> _rows;
    private readonly StringBuilder _prefix = new();
    private readonly DateTimeOffset _now;

    private MomentTreeDrawing(MomentTree tree, DateTimeOffset now, int columns)
    {
        _tree = tree;
        _now = now;
        _columns = Math.Clamp(columns, NarrowestColumns, WidestColumns);
        _drawnLevels = _columns / 2 / LevelColumns;
        _tips = TipsOf(tree);
        // A list that grew would leave large arrays behind, each of which costs a collection of everything.
        _rows = new(tree.Count + _tips.Sum(tip => tip.Value.Length));
    }

    /// <summary>The lines of the tree, from the top.</summary>
    /// <param name="now">The time that ages are counted from.</param>
    /// <param name="columns">The width of the terminal; used from 40 to 80.</param>
    public static IReadOnlyList<MomentTreeLine> Draw(MomentTree tree, DateTimeOffset now, int columns = WidestColumns)
    {
        var drawing = new MomentTreeDrawing(tree, now, columns);
        drawing.AddRows();
        return drawing.Lay();
    }

    private void AddRows()
    {
        for (int position = 0; position < _tree.Count; position++)
        {
            CloseUpTo(position);
            Moment moment = _tree.All[position];
            int end = position + 1 + _tree.Descendants(moment).Count;
            bool isLast = _path.Count > 0 && end == _path[^1].End && !_tips.ContainsKey(_path[^1].Moment.Key);
            string letter = moment.Kind == MomentKind.Checkpoint ? "C " : "S ";
            _rows.Add((moment, Prefix(isLast), letter + TextCells.Printable(moment.Name), _tree.IsCurrent(moment) ? " *" : "", MomentAge.Of(moment.Created, _now)));
            _path.Add((moment, end, isLast));
        }

        CloseUpTo(_tree.Count);
    }

    // A tip is drawn when all below its moment is.
    private void CloseUpTo(int position)
    {
        while (_path.Count > 0 && _path[^1].End <= position)
        {
            string[] tips = _tips.GetValueOrDefault(_path[^1].Moment.Key) ?? [];
            for (int index = 0; index < tips.Length; index++)
                _rows.Add((null, Prefix(isLast: index + 1 == tips.Length), tips[index], "", ""));
            _path.RemoveAt(_path.Count - 1);
        }
    }

    // Roots stand at the left edge, so the first of the path has no column of its own.
    private string Prefix(bool isLast)
    {
        if (_path.Count == 0)
            return "";
        _prefix.Clear();
        int first = 1;
        if (_path.Count > _drawnLevels)
        {
            _prefix.Append("…  ");
            first = _path.Count - _drawnLevels + 2;
        }

        for (int level = first; level < _path.Count; level++)
            _prefix.Append(_path[level].IsLast ? "   " : "│  ");
        return _prefix.Append(isLast ? "└─ " : "├─ ").ToString();
    }

    private List<MomentTreeLine> Lay()
    {
        int ageColumns = _rows.Select(row => row.Age.Length).DefaultIfEmpty().Max();
        int widest = _rows
            .Where(row => row.Moment is not null)
            .Select(row => row.Prefix.Length + TextCells.Width(row.Name) + row.Mark.Length)
            .DefaultIfEmpty()
            .Max();
        int bodyColumns = Math.Min(widest, _columns - ageColumns - Gap.Length);

        var lines = new List<MomentTreeLine>(_rows.Count);
        foreach ((Moment? moment, string prefix, string name, string mark, string age) in _rows)
        {
            int columns = moment is null ? _columns : bodyColumns;
            string body = prefix + TextCells.Fit(name, columns - prefix.Length - mark.Length) + mark;
            string padding = moment is null ? "" : new string(' ', bodyColumns - TextCells.Width(body)) + Gap;
            lines.Add(new MomentTreeLine(moment, prefix, body + padding + age));
        }

        return lines;
    }

    private static Dictionary<MomentKey, string[]> TipsOf(MomentTree tree)
    {
        if (tree.Tips.Count > 0)
            return tree.Tips.GroupBy(tip => tip.Moment).ToDictionary(group => group.Key, group => NamesOf(tree, group));
        ILookup<MomentKey, string> disks = tree.CurrentByDisk
            .OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .ToLookup(pair => pair.Value, pair => TextCells.Printable(pair.Key));
        return disks.ToDictionary(group => group.Key, group => new[] { disks.Count == 1 ? "(now)" : $"(now: {string.Join(", ", group)})" });
    }

    // The present is the last.
    private static string[] NamesOf(MomentTree tree, IEnumerable<MomentTreeTip> tips) =>
        [.. tips.GroupBy(tip => (tip.IsNow, tip.Branch)).OrderBy(group => group.Key.IsNow).ThenBy(group => group.Key.Branch, StringComparer.Ordinal).Select(group =>
        {
            bool everywhere = tree.Tips.Where(tip => tip.Branch == group.Key.Branch).All(tip => tip.Moment == group.First().Moment && tip.IsNow == group.Key.IsNow);
            string disks = everywhere ? "" : ": " + string.Join(", ", group.Select(tip => TextCells.Printable(tip.Disk)).Order(StringComparer.Ordinal));
            return $"({TextCells.Printable(group.Key.Branch)}{(group.Key.IsNow ? ", now" : "")}{disks})";
        })];
}
