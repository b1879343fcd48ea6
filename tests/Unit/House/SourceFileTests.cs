using System.Text.RegularExpressions;

namespace MomentTools.Tests.House;

/// <summary>One idea per file, in its room, short enough to read in one sitting.</summary>
public sealed partial class SourceFileTests
{
    private const int MostLines = 300;

    [Fact]
    public void NoFileIsLongerThanTheWall() =>
        Assert.Empty(SourceTree.Files("src").Where(file => file.Lines.Count > MostLines).Select(file => $"{file} has {file.Lines.Count} lines"));

    [Fact]
    public void EveryFileIsNamedAsItsOneType()
    {
        Assert.Empty(SourceTree.Files("src")
            .Select(file => (file, types: file.Code.Select(line => TopLevelType().Match(line)).Where(match => match.Success).Select(match => match.Groups["name"].Value).Distinct().ToArray()))
            .Where(found => found.types is not [var only] || only != found.file.Subject)
            .Select(found => $"{found.file} declares {string.Join(", ", found.types)}"));
    }

    [Fact]
    public void EveryFolderOfTheEngineIsANamespace()
    {
        Assert.Empty(SourceTree.Files("src/Engine")
            .Select(file => (file, expected: Namespace(file)))
            .Where(found => !found.file.Lines.Contains($"namespace {found.expected};"))
            .Select(found => $"{found.file} is not in {found.expected}"));
    }

    // 2026-11-21 14:30, as the tables have it, and not the month and the day as each country turns them.
    [Fact]
    public void TimesAreToldInOneWay() =>
        Assert.Empty(SourceTree.Files("src").SelectMany(file => file.Code.Where(line => line.Contains(":g}", StringComparison.Ordinal) || line.Contains("ToString(\"g\"", StringComparison.Ordinal)).Select(line => $"{file}: {line.Trim()}")));

    [Theory]
    [InlineData("public sealed record Extent(long Offset)", "Extent")]
    [InlineData("internal readonly record struct GuestOffset(long Value)", "GuestOffset")]
    [InlineData("internal static partial class Libc", "Libc")]
    [InlineData("public enum VMState", "VMState")]
    [InlineData("    private sealed class Nested", null)]
    public void ATypeOfTheFileIsSeen(string line, string? name)
    {
        Match match = TopLevelType().Match(line);
        Assert.Equal(name, match.Success ? match.Groups["name"].Value : null);
    }

    private static string Namespace(SourceFile file)
    {
        string[] folders = file.Path.Split('/')[2..^1];
        return folders is [] or ["Results"] ? "MomentTools" : "MomentTools." + string.Join('.', folders);
    }

    [GeneratedRegex(@"^(?:(?:public|internal|file|sealed|static|abstract|readonly|partial|unsafe|ref)\s+)*(?:record\s+struct|record\s+class|record|class|struct|interface|enum|delegate\s+\S+)\s+(?<name>\w+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex TopLevelType();
}
