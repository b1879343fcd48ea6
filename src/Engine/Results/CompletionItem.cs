namespace MomentTools;

/// <summary>A name that a parameter would accept.</summary>
/// <param name="Text">The name.</param>
/// <param name="Tip">What it is, in one line.</param>
public sealed record CompletionItem(string Text, string Tip);
