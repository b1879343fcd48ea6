using System.Management.Automation;
using System.Reflection;

namespace MomentTools.Cmdlets.Views;

/// <summary>
/// The colours of $PSStyle, which the library that cmdlets are compiled against does not know yet. PowerShell takes them out again
/// wherever its output is plain: in files, in pipes to programs, and with $PSStyle.OutputRendering = 'PlainText'.
/// </summary>
internal static class SessionStyle
{
    private const BindingFlags Static = BindingFlags.Public | BindingFlags.Static;

    /// <summary>The text as errors look ($PSStyle.Formatting.Error).</summary>
    public static string Error(string text)
    {
        object? style = typeof(PSObject).Assembly.GetType("System.Management.Automation.PSStyle")?.GetProperty("Instance", Static)?.GetValue(null);
        return Text(Property(style, "Formatting"), "Error") is { Length: > 0 } start && Text(style, "Reset") is { } end ? start + text + end : text;
    }

    private static string? Text(object? owner, string name) => Property(owner, name) as string;

    private static object? Property(object? owner, string name) => owner?.GetType().GetProperty(name)?.GetValue(owner);
}
