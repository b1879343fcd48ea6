namespace MomentTools.Moments;

/// <summary>Names as users ask for them: plain ones, which mean themselves, and patterns.</summary>
internal static class NamePattern
{
    public static bool IsPattern(string asked) => asked.AsSpan().IndexOfAny("*?[`") >= 0;

    public static bool IsMatch(string asked, string name) => asked == name || (IsPattern(asked) && new WildcardPattern(asked).IsMatch(name));
}
