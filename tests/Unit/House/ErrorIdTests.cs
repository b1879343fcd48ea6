using System.Reflection;
using System.Text.RegularExpressions;
using MomentTools.Errors;

namespace MomentTools.Tests.House;

public sealed partial class ErrorIdTests
{
    private const string Topic = "docs/help/en-US/about_MomentTools_Errors.help.txt";

    private static readonly IReadOnlyList<(FieldInfo Field, ErrorId Id)> Ids =
    [
        .. new[] { typeof(MomentEngine).Assembly, typeof(MomentTools.Cmdlets.MomentCmdlet).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field.FieldType == typeof(ErrorId) && !field.Name.StartsWith('<'))
            .Select(field => (field, (ErrorId)field.GetValue(null)!)),
    ];

    [Fact]
    public void AnIdIsNamedAsItsFieldAndMeansOneThing()
    {
        Assert.NotEmpty(Ids);
        Assert.All(Ids, id => Assert.Equal(id.Field.Name, id.Id.Name));
        Assert.All(Ids, id => Assert.Matches("^[A-Z][A-Za-z0-9]+$", id.Id.Name));
        Assert.Empty(Ids.GroupBy(id => id.Id.Name, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void IdsStandInTheErrorsClassOfTheirRoom() =>
        Assert.All(Ids, id => Assert.EndsWith("Errors", id.Field.DeclaringType!.Name));

    [Fact]
    public void EveryIdIsExplainedAndNoOther()
    {
        IEnumerable<string> documented = Entry().Matches(SourceTree.Read(Topic)).Select(match => $"{match.Groups["id"].Value} ({match.Groups["kind"].Value})");
        Assert.Equal(
            Ids.Select(id => $"{id.Id.Name} ({id.Id.Kind})").Order(StringComparer.Ordinal),
            documented.Order(StringComparer.Ordinal));
    }

    // Whoever opens it has an id in his hand.
    [Fact]
    public void TheyStandByTheAlphabet()
    {
        string[] documented = [.. Entry().Matches(SourceTree.Read(Topic)).Select(match => match.Groups["id"].Value)];
        Assert.Equal(documented.Order(StringComparer.OrdinalIgnoreCase), documented);
    }

    [Fact]
    public void EveryExplanationSaysWhatToDo()
    {
        string topic = SourceTree.Read(Topic);
        MatchCollection entries = Entry().Matches(topic);
        for (int index = 0; index < entries.Count; index++)
        {
            int start = entries[index].Index + entries[index].Length;
            string body = topic[start..(index + 1 < entries.Count ? entries[index + 1].Index : topic.Length)];
            Assert.True(body.Contains("What to do:", StringComparison.Ordinal), $"{entries[index].Groups["id"].Value} does not say what to do");
        }
    }

    [GeneratedRegex(@"^  (?<id>[A-Z][A-Za-z0-9]+) \((?<kind>[A-Za-z]+)\)\r?$", RegexOptions.Multiline, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Entry();
}
