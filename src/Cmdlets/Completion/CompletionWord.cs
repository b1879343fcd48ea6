using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>
/// The word that is being completed: what matches it, and how a match is written in its place. PowerShell gives it as what it stands for,
/// with a quote on either side where it was begun with one, closed or not.
/// </summary>
internal sealed class CompletionWord
{
    private readonly char? _quote;
    private readonly WildcardPattern? _pattern;

    public CompletionWord(string word)
    {
        _quote = word.Length > 0 && word[0] is '\'' or '"' ? word[0] : null;
        int end = _quote is { } quote && word.Length > 1 && word[^1] == quote ? word.Length - 1 : word.Length;
        Text = _quote is null ? word : word[1..end];
        if (WildcardPattern.ContainsWildcardCharacters(Text))
            _pattern = WildcardPattern.Get(Text.EndsWith('*') ? Text : Text + "*", WildcardOptions.IgnoreCase);
    }

    /// <summary>What the word stands for.</summary>
    public string Text { get; }

    public bool Matches(string name) => name.StartsWith(Text, StringComparison.OrdinalIgnoreCase) || IsMatch(name);

    /// <summary>How something that is offered is written here.</summary>
    /// <param name="item">It.</param>
    /// <param name="parameter">Where it is written: a parameter that takes patterns takes a name with a bracket in it as one.</param>
    public CompletionResult Result(CompletionItem item, CompletedParameter parameter)
    {
        string text = WildcardPattern.ContainsWildcardCharacters(item.Text) && parameter.TakesPatterns ? WildcardPattern.Escape(item.Text) : item.Text;
        return new CompletionResult(Quoted(text), item.Text, CompletionResultType.ParameterValue, item.Tip.Length > 0 ? item.Tip : item.Text);
    }

    // Half of a pattern, "web[1", is one that cannot be used yet.
    private bool IsMatch(string name)
    {
        try
        {
            return _pattern?.IsMatch(name) == true;
        }
        catch (WildcardPatternException)
        {
            return false;
        }
    }

    private string Quoted(string name)
    {
        if (_quote == '"')
            return "\"" + string.Concat(name.Select(letter => letter is '`' or '$' || IsDoubleQuote(letter) ? "`" + letter : letter.ToString())) + "\"";
        return _quote is null && IsBareword(name) ? name : "'" + CodeGeneration.EscapeSingleQuotedStringContent(name) + "'";
    }

    // The parser takes any of the four as the end of a string.
    private static bool IsDoubleQuote(char letter) => letter is '"' or '\u201C' or '\u201D' or '\u201E';

    // What the parser takes as one plain argument, without expanding anything in it: a word that begins as a number would become one, "1e3" or "0x10".
    private static bool IsBareword(string name) =>
        name.Length > 0
        && (char.IsLetter(name[0]) || name[0] is '_' or '/' || (char.IsAsciiDigit(name[0]) && !IsNumber(name)))
        && name.All(letter => char.IsLetterOrDigit(letter) || letter is '-' or '_' or '.' or ':' or '+' or '/' or '=' or '%');

    private static bool IsNumber(string name) =>
        Parser.ParseInput(name, out Token[] tokens, out _) is not null && tokens is [NumberToken, ..];
}
