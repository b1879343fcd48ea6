using System.Reflection;
using System.Runtime.CompilerServices;

namespace MomentTools.Tests.House;

/// <summary>What users hold is as handy at the prompt as it looks: its lists can be indexed, and several answer as one does.</summary>
public sealed class IndexedListTests
{
    private static IEnumerable<Type> Results => typeof(MomentEngine).Assembly.GetExportedTypes().Where(type => type.Name.StartsWith("VM", StringComparison.Ordinal));

    public static TheoryData<string> Lists => [.. Results
        .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        .Where(property => property is { CanWrite: true, PropertyType.IsGenericType: true } && property.PropertyType.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        .Select(property => $"{property.DeclaringType!.Name}.{property.Name}")];

    [Theory]
    [MemberData(nameof(Lists))]
    public void AListOfAResultCanBeIndexedAndSaysWhatIsInIt(string name)
    {
        string[] parts = name.Split('.');
        PropertyInfo list = typeof(MomentEngine).Assembly.GetType("MomentTools." + parts[0])!.GetProperty(parts[1])!;
        Type element = list.PropertyType.GenericTypeArguments[0];
        Type concrete = list.DeclaringType!.IsAbstract ? typeof(MomentEngine).Assembly.GetExportedTypes().First(other => other.IsSubclassOf(list.DeclaringType)) : list.DeclaringType;
        object result = RuntimeHelpers.GetUninitializedObject(concrete);
        list.SetValue(result, typeof(List<>).MakeGenericType(element).GetConstructor([])!.Invoke([]));
        object made = list.GetValue(result)!;
        Assert.True(made.GetType().Name == "ResultList`1", $"{name} must be set with Indexed.Of: else PowerShell takes {parts[1]}[0] for the whole list, and a CSV file has the name of a type.");
        Assert.Equal("", made.ToString());
    }

    /// <summary>PowerShell collects a property of all results, but not where the array of them has a member of that name. Length is known to be so, from files.</summary>
    [Fact]
    public void NoPropertyOfAResultIsHiddenByOneOfAnArray()
    {
        HashSet<string> hiding = [.. typeof(object[]).GetMembers().Select(member => member.Name).Except(["Length"])];
        Assert.Contains("Address", hiding);
        Assert.DoesNotContain(Results.SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)), property => hiding.Contains(property.Name));
    }
}
