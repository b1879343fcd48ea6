using System.Management.Automation;
using System.Reflection;

namespace MomentTools.Cmdlets.Completion;

/// <summary>The parameter that is completed, of a cmdlet of this module under whatever prefix it was imported.</summary>
internal sealed class CompletedParameter(string command, string parameter)
{
    private bool? _takesPatterns;

    /// <summary>Whether what is written is a wildcard pattern.</summary>
    public bool TakesPatterns => _takesPatterns ??= Property()?.IsDefined(typeof(SupportsWildcardsAttribute), inherit: true) == true;

    private PropertyInfo? Property() => typeof(CompletedParameter).Assembly.GetTypes()
        .FirstOrDefault(type => type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet
            && command.StartsWith(cmdlet.VerbName + "-", StringComparison.OrdinalIgnoreCase) && command.EndsWith(cmdlet.NounName, StringComparison.OrdinalIgnoreCase))
        ?.GetProperty(parameter);
}
