using System.Management.Automation;
using System.Reflection;

namespace MomentTools.Tests.House;

/// <summary>
/// A cmdlet's class, its attributes read as they stand in the assembly: the PowerShell that tests are built with has no bodies,
/// so no attribute can be made.
/// </summary>
internal sealed class CmdletDeclaration(Type type, CustomAttributeData attribute)
{
    public static IReadOnlyList<CmdletDeclaration> All { get; } =
    [
        .. typeof(MomentTools.Cmdlets.MomentCmdlet).Assembly.GetExportedTypes()
            .Select(type => (Type: type, Attribute: AttributesOf<CmdletAttribute>(type).SingleOrDefault()))
            .Where(pair => pair.Attribute is not null)
            .Select(pair => new CmdletDeclaration(pair.Type, pair.Attribute!))
            .OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal),
    ];

    public string Verb => (string)attribute.ConstructorArguments[0].Value!;

    public string Noun => (string)attribute.ConstructorArguments[1].Value!;

    public string Name => $"{Verb}-{Noun}";

    public string? DefaultSet => (string?)Named(attribute, nameof(CmdletAttribute.DefaultParameterSetName));

    public bool AsksFirst => Named(attribute, nameof(CmdletAttribute.SupportsShouldProcess)) is true;

    /// <summary>PowerShell's own default is Medium.</summary>
    public ConfirmImpact Impact => (ConfirmImpact)(int)(Named(attribute, nameof(CmdletAttribute.ConfirmImpact)) ?? (int)ConfirmImpact.Medium);

    public IReadOnlyList<string> Outputs =>
    [
        .. AttributesOf<OutputTypeAttribute>(type)
            .SelectMany(output => (IEnumerable<CustomAttributeTypedArgument>)output.ConstructorArguments[0].Value!)
            .Select(argument => ((Type)argument.Value!).Name),
    ];

    /// <summary>Those of the class and of its bases: by position, then by name.</summary>
    public IReadOnlyList<CmdletParameter> Parameters =>
    [
        .. type.GetProperties(BindingFlags.Instance | BindingFlags.Public)
            .Where(property => AttributesOf<ParameterAttribute>(property).Any())
            .Select(property => new CmdletParameter(property))
            .OrderBy(parameter => parameter.Bindings.Min(binding => binding.Position ?? int.MaxValue))
            .ThenBy(parameter => parameter.Name, StringComparer.Ordinal),
    ];

    public static IEnumerable<CustomAttributeData> AttributesOf<T>(MemberInfo member) =>
        member.GetCustomAttributesData().Where(data => data.AttributeType == typeof(T));

    public static object? Named(CustomAttributeData data, string name) =>
        data.NamedArguments.Where(argument => argument.MemberName == name).Select(argument => argument.TypedValue.Value).SingleOrDefault();
}
