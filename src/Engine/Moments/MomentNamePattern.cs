namespace MomentTools.Moments;

/// <summary>
/// One name that a user gave to a list: exact, upper and lower case included, or with wildcards, where they are alike;
/// "checkpoint:" or "snapshot:" in front narrows either to one kind.
/// </summary>
internal sealed class MomentNamePattern
{
    private readonly string _text;
    private readonly WildcardPattern? _wildcards;
    private readonly MomentKey? _key;
    private readonly WildcardPattern? _keyWildcards;

    public MomentNamePattern(string text)
    {
        _text = text;
        _wildcards = WildcardsOf(text);
        if (!MomentKey.TryParse(text, out MomentKey? key))
            return;
        _key = key;
        _keyWildcards = WildcardsOf(key.Name);
    }

    public bool IsMatch(Moment moment) =>
        // A foreign name may itself contain a bracket or a star.
        moment.Name == _text
        || _wildcards?.IsMatch(moment.Name) == true
        || (_key is { } key && key.Kind == moment.Kind && (moment.Name == key.Name || _keyWildcards?.IsMatch(moment.Name) == true));

    private static WildcardPattern? WildcardsOf(string text) => text.AsSpan().IndexOfAny("*?[`") < 0 ? null : new WildcardPattern(text);
}
