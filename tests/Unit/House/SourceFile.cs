namespace MomentTools.Tests.House;

/// <summary>A source file: its path from the repository's root, with slashes, and its text.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>The name up to the first dot: parts of one type are <c>Type.Part.cs</c>.</summary>
    public string Subject => System.IO.Path.GetFileName(Path).Split('.')[0];

    public IReadOnlyList<string> Lines => Text.TrimEnd('\n').Split('\n');

    /// <summary>The lines without their comments: what a comment names is not used.</summary>
    public IEnumerable<string> Code => Lines.Select(line => line.IndexOf("//", StringComparison.Ordinal) is var at and >= 0 ? line[..at] : line);

    public override string ToString() => Path;
}
