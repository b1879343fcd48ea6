using System.Reflection;
using System.Runtime.CompilerServices;

namespace MomentTools.Tests.House;

/// <summary>What a user of an assembly can hold, one line a member, in an order that does not depend on the compiler.</summary>
internal static class PublicSurface
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static IReadOnlyList<string> Of(Assembly assembly) =>
        [.. assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).SelectMany(Lines)];

    private static IEnumerable<string> Lines(Type type)
    {
        yield return $"{Kind(type)} {type.FullName}{Parents(type)}";
        foreach (string member in type.GetMembers(Declared).Select(Line).OfType<string>().Order(StringComparer.Ordinal))
            yield return "    " + member;
    }

    private static string? Line(MemberInfo member) => member switch
    {
        // A record's copying, comparing and printing follow from its properties.
        MethodInfo { Name: "Equals" or "GetHashCode" or "ToString" or "PrintMembers" or "Deconstruct" or "op_Equality" or "op_Inequality" } => null,
        MethodInfo { IsSpecialName: true } method when !method.Name.StartsWith("op_", StringComparison.Ordinal) => null,
        MethodInfo method when Visible(method) && !method.Name.Contains('<', StringComparison.Ordinal) =>
            $"{(method.IsStatic ? "static " : "")}{Name(Nullability.Create(method.ReturnParameter))} {method.Name}({Parameters(method)})",
        ConstructorInfo constructor when Visible(constructor) => $"new({Parameters(constructor)})",
        PropertyInfo property when property.GetMethod is { } get && Visible(get) && property.Name != "EqualityContract" =>
            $"{(get.IsStatic ? "static " : "")}{(property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "")}{Name(Nullability.Create(property))} {property.Name} {{ get;{Setter(property)} }}",
        FieldInfo { IsPublic: true, IsSpecialName: false } field =>
            field.DeclaringType!.IsEnum ? $"{field.Name} = {field.GetRawConstantValue()}" : $"{Name(Nullability.Create(field))} {field.Name}",
        EventInfo happening => $"event {happening.EventHandlerType} {happening.Name}",
        _ => null,
    };

    private static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Setter(PropertyInfo property)
    {
        if (property.SetMethod is not { } set || !Visible(set))
            return "";
        return set.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit") ? " init;" : " set;";
    }

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter =>
            $"{Name(Nullability.Create(parameter))} {parameter.Name}{(parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "null"}" : "")}"));

    private static string Kind(Type type)
    {
        if (type.IsEnum)
            return "enum";
        if (type.IsInterface)
            return "interface";
        string shape = type.IsValueType ? "struct" : "class";
        return type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed " + shape : shape;
    }

    private static string Parents(Type type)
    {
        Type?[] parents = [type.BaseType, .. type.GetInterfaces()];
        string[] names = [.. parents.OfType<Type>()
            .Where(parent => parent.Namespace?.StartsWith("MomentTools", StringComparison.Ordinal) == true || parent == typeof(Exception))
            .Select(parent => parent.FullName!)];
        return names.Length == 0 ? "" : " : " + string.Join(", ", names);
    }

    private static string Name(NullabilityInfo info)
    {
        Type type = info.Type;
        if (Nullable.GetUnderlyingType(type) is { } value)
            return Short(value) + "?";
        string mark = !type.IsValueType && info.ReadState == NullabilityState.Nullable ? "?" : "";
        if (info.ElementType is { } element)
            return Name(element) + "[]" + mark;
        return info.GenericTypeArguments.Length == 0
            ? Short(type) + mark
            : $"{type.Name.Split('`')[0]}<{string.Join(", ", info.GenericTypeArguments.Select(Name))}>{mark}";
    }

    private static string Short(Type type) => type.Namespace == "System" ? type.Name : type.FullName ?? type.Name;
}
