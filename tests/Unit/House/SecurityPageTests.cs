using System.Reflection;
using System.Text.RegularExpressions;

namespace MomentTools.Tests.House;

/// <summary>docs/security.md promises nothing without a test that is there.</summary>
public sealed partial class SecurityPageTests
{
    private const string Page = "docs/security.md";

    [Fact]
    public void EachPromiseNamesItsTestsAndTheseAreThere()
    {
        HashSet<string> tests = new(typeof(SecurityPageTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance).Where(IsTest).Select(method => $"{type.Name}.{method.Name}")), StringComparer.Ordinal);
        string[] rows = [.. SourceTree.Read(Page).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.Contains("| proven by |", StringComparison.Ordinal))];
        Assert.True(rows.Length > 30, $"{rows.Length} promises");
        Assert.All(rows, row => Assert.True(Test().Count(Proof(row)) > 0, $"no test: {row}"));
        Assert.All(rows.SelectMany(row => Test().Matches(Proof(row)).Select(match => match.Groups["test"].Value)), name => Assert.Contains(name, tests));
    }

    private static string Proof(string row) => row.TrimEnd().TrimEnd('|').Split('|')[^1];

    private static bool IsTest(MethodInfo method) => method.GetCustomAttributes(inherit: true).OfType<FactAttribute>().Any();

    [GeneratedRegex("`(?<test>[A-Z][A-Za-z0-9]+Tests\\.[A-Z][A-Za-z0-9]+)`", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Test();
}
