using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace MomentTools.Tests.Hosting;

/// <summary>A result of each type that a cmdlet gives, with every property set, and each text as long as it can be.</summary>
internal static class SampleResults
{
    private static readonly string LongName = "a-very-long-name-" + new string('x', 180) + "-end";

    /// <summary>The concrete types of results.</summary>
    public static IReadOnlyList<Type> Types { get; } =
    [
        .. typeof(MomentEngine).Assembly.GetExportedTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.Name.StartsWith("VM", StringComparison.Ordinal))
            .OrderBy(type => type.Name, StringComparer.Ordinal),
    ];

    /// <summary>One result.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="lengthy">With names as long as they can be; else with ordinary ones.</param>
    public static object Of(Type type, bool lengthy)
    {
        object result = RuntimeHelpers.GetUninitializedObject(type);
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.CanWrite)
                property.SetValue(result, Value(property, property.PropertyType, lengthy));
        }

        return result;
    }

    private static object? Value(PropertyInfo property, Type type, bool lengthy)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain.IsEnum)
            return Enum.GetValues(plain).Cast<object>().OrderByDescending(value => value.ToString()!.Length).First();
        if (plain.IsGenericType && plain.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
            return Items(property, plain.GenericTypeArguments[0], lengthy);
        return plain switch
        {
            _ when plain == typeof(string) => Text(property.Name, lengthy),
            _ when plain == typeof(long) => lengthy ? (8L << 40) - 65536 : 3 << 20,
            _ when plain == typeof(int) => lengthy ? 1_234_567 : 7,
            _ when plain == typeof(bool) => true,
            _ when plain == typeof(Guid) => new Guid("0f6a7f3e-53a4-4a38-9e0b-0c3f5a2c6d11"),
            _ when plain == typeof(DateTimeOffset) => new DateTimeOffset(2026, 12, 24, 22, 59, 58, TimeSpan.Zero),
            _ when plain == typeof(Uri) => new Uri("nbd+unix:///export?socket=/run/" + Text("socket", lengthy)),
            { Name: nameof(VMMoment) } => Of(typeof(VMSnapshot), lengthy),
            _ => Of(plain, lengthy),
        };
    }

    private static IList Items(PropertyInfo property, Type type, bool lengthy)
    {
        var items = (IList)typeof(List<>).MakeGenericType(type).GetConstructor([])!.Invoke([]);
        for (int count = 0; count < 3; count++)
            items.Add(Value(property, type, lengthy));
        return items;
    }

    private static string Text(string property, bool lengthy) => property switch
    {
        "Tree" => lengthy ? string.Concat(Enumerable.Repeat("│  ", 20)) + "└─ " + LongName : "└─ monday",
        _ when !lengthy => property,
        "Path" or "File" or "ScratchPath" or "Repository" or "Memory" => "/var/lib/" + LongName,
        _ => LongName,
    };
}
