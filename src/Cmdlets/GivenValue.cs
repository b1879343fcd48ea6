using System.Globalization;
using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>A value as PowerShell hands it over: it may be wrapped.</summary>
internal static class GivenValue
{
    /// <summary>The value itself.</summary>
    public static object? Plain(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    /// <summary>The value as text, which is the same in every culture; empty for none.</summary>
    public static string Text(object? value) => Convert.ToString(Plain(value), CultureInfo.InvariantCulture) ?? "";
}
