using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>The word that is being completed: what matches it, and how a match is written in its place.</summary>
internal sealed class CompletionWord
{
    private readonly string _text;
    private readonly char? _quote;
    private readonly WildcardPattern? _pattern;

    public CompletionWord(string word)
    {
        _quote = word.Length > 0 && word[0] is '\'' or '"' ? word[0] : null;
        _text = _quote is { } quote ? word.Trim(quote) : word;
        if (WildcardPattern.ContainsWildcardCharacters(_text))
            _pattern = WildcardPattern.Get(_text.EndsWith('*') ? _text : _text + "*", WildcardOptions.IgnoreCase);
    }

    public bool Matches(CompletionItem item) =>
        item.Text.StartsWith(_text, StringComparison.OrdinalIgnoreCase) || _pattern?.IsMatch(item.Text) == true;

    public CompletionResult Result(CompletionItem item) => new(
        Quoted(item.Text), item.Text, CompletionResultType.ParameterValue, item.Tip.Length > 0 ? item.Tip : item.Text);

    private string Quoted(string name)
    {
        if (_quote == '"')
            return "\"" + name.Replace("`", "``").Replace("$", "`$").Replace("\"", "`\"") + "\"";
        return _quote is null && IsBareword(name) ? name : "'" + CodeGeneration.EscapeSingleQuotedStringContent(name) + "'";
    }

    // What the parser takes as one plain argument, without expanding anything in it.
    private static bool IsBareword(string name) =>
        name[0] is not ('-' or '@' or '#' or '<' or '>')
        && name.All(letter => char.IsLetterOrDigit(letter) || letter is '-' or '_' or '.' or ':' or '+' or '@' or '#' or '/' or '=' or '%');
}
