namespace MomentTools.Moments;

/// <summary>
/// A pattern in the words of PowerShell: <c>*</c>, <c>?</c>, <c>[a-c]</c>, and <c>`</c> before a character that stands for
/// itself; upper and lower case are alike. A bracket that is never closed stands for itself. Matching takes
/// pattern times text steps at most, whatever the pattern.
/// </summary>
internal sealed class WildcardPattern
{
    private readonly List<Func<char, bool>?> _parts = [];

    public WildcardPattern(string pattern)
    {
        for (int at = 0; at < pattern.Length; at++)
        {
            int close = pattern[at] == '[' ? ClosingBracket(pattern, at) : -1;
            if (close > 0)
            {
                _parts.Add(Set(pattern[(at + 1)..close]));
                at = close;
                continue;
            }

            switch (pattern[at])
            {
                case '*':
                    _parts.Add(null);
                    break;
                case '?':
                    _parts.Add(_ => true);
                    break;
                default:
                    if (pattern[at] == '`' && at + 1 < pattern.Length)
                        at++;
                    _parts.Add(Same(pattern[at]));
                    break;
            }
        }
    }

    public bool IsMatch(string text)
    {
        int part = 0, at = 0, star = -1, starAt = 0;
        while (at < text.Length)
        {
            if (part < _parts.Count && _parts[part] is null)
            {
                star = part++;
                starAt = at;
            }
            else if (part < _parts.Count && _parts[part]!(text[at]))
            {
                part++;
                at++;
            }
            else if (star >= 0)
            {
                // Only the last star needs to take one more: what came before it matched as early as it could.
                part = star + 1;
                at = ++starAt;
            }
            else
            {
                return false;
            }
        }

        while (part < _parts.Count && _parts[part] is null)
            part++;
        return part == _parts.Count;
    }

    // "[]a]" has the bracket itself in the set, as in PowerShell.
    private static int ClosingBracket(string pattern, int open)
    {
        for (int at = open + 1; at < pattern.Length; at++)
        {
            if (pattern[at] == '`')
                at++;
            else if (pattern[at] == ']' && at > open + 1)
                return at;
        }

        return -1;
    }

    private static Func<char, bool> Set(string members)
    {
        var ranges = new List<(char First, char Last)>();
        for (int at = 0; at < members.Length; at++)
        {
            char first = Member(ref at);
            char last = first;
            if (at + 2 < members.Length && members[at + 1] == '-')
            {
                at += 2;
                last = Member(ref at);
            }

            ranges.Add((first, last));
        }

        return letter => ranges.Exists(range =>
            Within(range, char.ToUpperInvariant(letter)) || Within(range, char.ToLowerInvariant(letter)));

        char Member(ref int at) => members[at] == '`' && at + 1 < members.Length ? members[++at] : members[at];

        static bool Within((char First, char Last) range, char letter) => letter >= range.First && letter <= range.Last;
    }

    private static Func<char, bool> Same(char wanted)
    {
        char upper = char.ToUpperInvariant(wanted);
        return letter => char.ToUpperInvariant(letter) == upper;
    }
}
