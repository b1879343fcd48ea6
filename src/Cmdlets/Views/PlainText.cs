namespace MomentTools.Cmdlets.Views;

/// <summary>
/// Text that somebody else wrote, as it may stand on a terminal: names in an image, paths, descriptions in a repository. What would speak to the
/// terminal in place of the reader is U+FFFD; the properties themselves keep it, for by it the thing is found.
/// </summary>
internal static class PlainText
{
    /// <summary>Sentences: lines and tabs stay.</summary>
    public static string Of(string text) => Replace(text, letter => char.IsControl(letter) && letter is not ('\n' or '\t'));

    /// <summary>A name: one line.</summary>
    public static string OfName(string name) => Replace(name, char.IsControl);

    private static string Replace(string text, Func<char, bool> isSpoken) =>
        text.Any(isSpoken) ? string.Concat(text.Select(letter => isSpoken(letter) ? '\ufffd' : letter)) : text;
}
