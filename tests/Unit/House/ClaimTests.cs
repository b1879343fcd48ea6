using System.Text.RegularExpressions;

namespace MomentTools.Tests.House;

/// <summary>docs/claims.md names, beside each claim, a test or a measured figure; each is one that there is.</summary>
public sealed partial class ClaimTests
{
    private static readonly string Root = SourceTree.Root;

    [Fact]
    public void EachClaimNamesSomethingThatHoldsIt()
    {
        string[] rows = Rows();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.True(References(row).Any(), $"nothing holds this: {row}"));
    }

    [Fact]
    public void WhatHoldsAClaimIsThere()
    {
        Assert.Equal([], Rows().SelectMany(References).Distinct().Where(reference => !Exists(reference)));
    }

    [Theory]
    [InlineData("CheckpointTests.NoSuchTest")]
    [InlineData("NoSuchTests.RemovingOneLosesNoLinkBetweenTheOthers")]
    [InlineData("NoSuch.Tests.ps1")]
    [InlineData("Readme.Tests.ps1: no such words")]
    [InlineData("benchmarks.md: no such row")]
    public void WhatIsNotThereIsFound(string reference) => Assert.False(Exists(reference));

    // The last cell of each row of the tables, but for their heads.
    private static string[] Rows() =>
        [.. File.ReadLines(Path.Combine(Root, "docs", "claims.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| claim |", StringComparison.Ordinal))];

    private static IEnumerable<string> References(string row) => Quoted().Matches(row[(row.TrimEnd('|', ' ').LastIndexOf('|') + 1)..]).Select(match => match.Groups["word"].Value);

    private static bool Exists(string reference)
    {
        if (reference.Split(": ", 2) is ["benchmarks.md", var row])
            return File.ReadLines(Path.Combine(Root, "docs", "benchmarks.md")).Any(line => line.StartsWith($"| {row}", StringComparison.Ordinal));
        string[] parts = reference.Split(": ", 2);
        if (parts[0].EndsWith(".Tests.ps1", StringComparison.Ordinal))
        {
            string file = Path.Combine(Root, "tests", "Pester", parts[0]);
            return File.Exists(file) && (parts.Length == 1 || File.ReadAllText(file).Contains($"It '{parts[1]}'", StringComparison.Ordinal));
        }

        // What is public in a class of tests is a test: xunit's analyzer sees to that.
        string[] names = reference.Split('.');
        return Directory.EnumerateFiles(Path.Combine(Root, "tests", "Unit"), names[0] + ".cs", SearchOption.AllDirectories)
            .Any(file => names.Length == 1 || Regex.IsMatch(File.ReadAllText(file), $@"public (?:async Task|void) {names[1]}\(", RegexOptions.None, TimeSpan.FromMinutes(1)));
    }

    [GeneratedRegex("`(?<word>[^`]+)`", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Quoted();
}
