namespace MomentTools.Errors;

/// <summary>Guesses which name was meant by one that does not exist.</summary>
internal static class NearNames
{
    private const int Most = 5;

    /// <summary>The nearest names, best first, at most five: another case, one a part of the other, or few letters apart.</summary>
    public static IReadOnlyList<string> Find(string wanted, IEnumerable<string> names) =>
    [
        .. names.Distinct(StringComparer.Ordinal)
            .Select(name => (Name: name, Distance: Distance(wanted, name)))
            .Where(candidate => candidate.Distance is not null)
            .OrderBy(candidate => candidate.Distance)
            .ThenBy(candidate => candidate.Name, StringComparer.Ordinal)
            .Take(Most)
            .Select(candidate => candidate.Name),
    ];

    private static int? Distance(string wanted, string name)
    {
        if (string.Equals(wanted, name, StringComparison.OrdinalIgnoreCase))
            return 0;
        int limit = Math.Clamp(wanted.Length / 3, 1, 3);
        if (Edits(wanted.ToUpperInvariant(), name.ToUpperInvariant(), limit) is { } edits)
            return edits;
        bool isPart = wanted.Length > 1 && name.Length > 1
            && (name.Contains(wanted, StringComparison.OrdinalIgnoreCase) || wanted.Contains(name, StringComparison.OrdinalIgnoreCase));
        return isPart ? limit + 1 : null;
    }

    // Levenshtein's distance, with two letters in the wrong order as one edit; given up as soon as it must pass the limit: the list may be long.
    private static int? Edits(string from, string to, int limit)
    {
        if (Math.Abs(from.Length - to.Length) > limit)
            return null;
        int[] above = [.. Enumerable.Range(0, to.Length + 1)], twoAbove = above;
        for (int row = 1; row <= from.Length; row++)
        {
            int[] line = new int[to.Length + 1];
            line[0] = row;
            for (int column = 1; column <= to.Length; column++)
            {
                int replaced = above[column - 1] + (from[row - 1] == to[column - 1] ? 0 : 1);
                line[column] = Math.Min(replaced, Math.Min(above[column], line[column - 1]) + 1);
                if (row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1])
                    line[column] = Math.Min(line[column], twoAbove[column - 2] + 1);
            }

            if (line.Min() > limit && above.Min() >= limit)
                return null;
            (twoAbove, above) = (above, line);
        }

        return above[^1] <= limit ? above[^1] : null;
    }
}
