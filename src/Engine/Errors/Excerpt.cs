namespace MomentTools.Errors;

/// <summary>The beginning of a text of unknown length, for a message: what was found in a damaged file may be as long as the file.</summary>
internal static class Excerpt
{
    private const int Longest = 200;

    public static string Of(string text) => text.Length <= Longest ? text : text[..Longest] + "…";
}
