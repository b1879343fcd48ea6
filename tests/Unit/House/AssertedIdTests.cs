using System.Reflection;
using System.Text.RegularExpressions;
using MomentTools.Errors;

namespace MomentTools.Tests.House;

/// <summary>
/// Every error is provoked by a test, and its id is what the test holds the answer against: in a statement of its own, in a row of a
/// theory, or in a test of the module. What nothing can provoke is dead and is to go.
/// </summary>
public sealed partial class AssertedIdTests
{
    [Fact]
    public void EveryErrorIsProvokedByATest()
    {
        HashSet<string> asserted =
        [
            .. SourceTree.Files("tests/Unit").Where(file => !file.Path.EndsWith(nameof(AssertedIdTests) + ".cs", StringComparison.Ordinal)).SelectMany(file => InCode(file.Text)),
            .. Directory.EnumerateFiles(Path.Combine(SourceTree.Root, "tests/Pester"), "*.Tests.ps1").SelectMany(path => InScript(File.ReadAllText(path))),
        ];
        string[] never = [.. Ids().Where(id => !asserted.Contains(id)).Order(StringComparer.Ordinal)];
        Assert.True(never.Length == 0, $"no test provokes {string.Join(", ", never)}");
    }

    [Theory]
    [InlineData("await FailsAsync(FileErrors.StorageFull, act);", "StorageFull")]
    [InlineData("Assert.Equal(\n    FileErrors.StorageFull, failure.ErrorId);", "StorageFull")]
    [InlineData("[InlineData(\"x\", \"StorageFull\")]", "StorageFull")]
    [InlineData("throw new MomentException(FileErrors.StorageFull, \"x\");", null)]
    [InlineData("when (failure.ErrorId == FileErrors.StorageFull)", null)]
    [InlineData("told.Remove(\"StorageFull\");", null)]
    [InlineData("// as FileErrors.StorageFull says", null)]
    public void OnlyWhatIsComparedCounts(string code, string? id) => Assert.Equal(id is null ? [] : [id], InCode(code).Where(found => found == "StorageFull"));

    private static IEnumerable<string> Ids() => new[] { typeof(MomentEngine).Assembly, typeof(MomentTools.Cmdlets.MomentCmdlet).Assembly }
        .SelectMany(assembly => assembly.GetTypes())
        .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .Where(field => field.FieldType == typeof(ErrorId) && !field.Name.StartsWith('<'))
        .Select(field => ((ErrorId)field.GetValue(null)!).Name);

    // What makes an error, or lets one pass, is no proof that it comes.
    private static IEnumerable<string> InCode(string text) => Named().Matches(Excluded().Replace(text, "")).Select(match => match.Groups["id"].Value);

    private static IEnumerable<string> InScript(string text) => Quoted().Matches(ScriptComment().Replace(text, "")).Select(match => match.Groups["id"].Value);

    [GeneratedRegex(@"\b[A-Z][A-Za-z0-9]*Errors\.(?<id>[A-Z][A-Za-z0-9]+)\b|""(?<id>[A-Z][A-Za-z0-9]+)""", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Named();

    [GeneratedRegex(@"//[^\n]*|new MomentException\(\s*[A-Za-z0-9.]+|\bwhen \([^\n]*|\.Remove\([^\n]*", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Excluded();

    [GeneratedRegex(@"['""](?<id>[A-Z][A-Za-z0-9]+)(?:,[^'""\s]*)?['""]", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"(?m)^\s*#.*$", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex ScriptComment();
}
