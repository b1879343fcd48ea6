using System.Management.Automation;
using System.Reflection;
using System.Text;

namespace MomentTools.Tests.House;

/// <summary>A cmdlet's parameter, and how it binds in each of its sets.</summary>
internal sealed class CmdletParameter(PropertyInfo property)
{
    public string Name => property.Name;

    /// <summary>Its type, of an array that of the elements.</summary>
    public Type Type => property.PropertyType.IsArray ? property.PropertyType.GetElementType()! : property.PropertyType;

    public IReadOnlyList<string> Aliases =>
    [
        .. CmdletDeclaration.AttributesOf<AliasAttribute>(property)
            .SelectMany(data => (IEnumerable<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!)
            .Select(name => (string)name.Value!),
    ];

    public IReadOnlyList<CmdletBinding> Bindings =>
    [
        .. CmdletDeclaration.AttributesOf<ParameterAttribute>(property)
            .Select(data => new CmdletBinding(
                (string?)CmdletDeclaration.Named(data, nameof(ParameterAttribute.ParameterSetName)),
                CmdletDeclaration.Named(data, nameof(ParameterAttribute.Mandatory)) is true,
                (int?)CmdletDeclaration.Named(data, nameof(ParameterAttribute.Position)),
                CmdletDeclaration.Named(data, nameof(ParameterAttribute.ValueFromPipeline)) is true,
                CmdletDeclaration.Named(data, nameof(ParameterAttribute.ValueFromPipelineByPropertyName)) is true))
            .OrderBy(binding => binding.Set, StringComparer.Ordinal),
    ];

    public override string ToString()
    {
        var text = new StringBuilder($"-{Name} <{TypeName(property.PropertyType)}>");
        if (Aliases.Count > 0)
            text.Append(" (").AppendJoin(", ", Aliases).Append(')');
        if (CmdletDeclaration.AttributesOf<SupportsWildcardsAttribute>(property).Any())
            text.Append(" wildcards");
        foreach (CustomAttributeData completer in CmdletDeclaration.AttributesOf<ArgumentCompleterAttribute>(property))
            text.Append(" completed by ").Append(((Type)completer.ConstructorArguments[0].Value!).Name);
        foreach (CmdletBinding binding in Bindings)
            text.Append("; ").Append(binding);
        return text.ToString();
    }

    private static string TypeName(Type type) =>
        type.IsArray ? TypeName(type.GetElementType()!) + "[]" : type == typeof(SwitchParameter) ? "switch" : type.Name;
}
