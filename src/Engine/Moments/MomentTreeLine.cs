namespace MomentTools.Moments;

/// <summary>One line of a drawn tree.</summary>
/// <param name="Moment">The moment on this line, or null on the line of the present state, or of another branch's.</param>
/// <param name="Prefix">The lines of the tree that lead to it, as <c>"│  └─ "</c>; empty for a root.</param>
/// <param name="Text">The whole line, the prefix included; plain text, without a line end.</param>
internal sealed record MomentTreeLine(Moment? Moment, string Prefix, string Text)
{
    public override string ToString() => Text;
}
