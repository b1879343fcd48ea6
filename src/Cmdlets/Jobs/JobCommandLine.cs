using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>A command as Get-Job shows it: with the values that it got, in place of the variables and pipelines they came from.</summary>
internal static class JobCommandLine
{
    private const int MostValues = 12;

    public static string Of(string command, IEnumerable<KeyValuePair<string, object?>> parameters)
    {
        var groups = parameters.GroupBy(parameter => parameter.Key, parameter => parameter.Value, StringComparer.OrdinalIgnoreCase);
        // First what it is about: Get-Job cuts the line.
        return string.Join(' ', groups.OrderBy(group => group.Key is not ("VM" or "InputObject")).Select(group => Argument(group.Key, [.. group])).Prepend(command));
    }

    private static string Argument(string name, object?[] given)
    {
        if (given is [SwitchParameter flag])
            return flag.IsPresent ? $"-{name}" : $"-{name}:$false";
        string[] values = [.. given.SelectMany(Values).Select(Text)];
        return $"-{name} {string.Join(", ", values.Take(MostValues))}{(values.Length > MostValues ? ", ..." : "")}";
    }

    private static IEnumerable<object?> Values(object? given) =>
        given is IEnumerable list and not string and not IDictionary ? list.Cast<object?>() : [given];

    private static string Text(object? value) => GivenValue.Plain(value) switch
    {
        null => "$null",
        bool flag => flag ? "$true" : "$false",
        VMReference reference => Quoted(reference.Name),
        VMMoment moment => Quoted(moment.Name),
        VMBranch branch => Quoted(branch.Name),
        VMBackup backup => Quoted(backup.Id),
        VMMomentFinding finding => Quoted(finding.Id),
        IDictionary table => $"@{{ {string.Join("; ", table.Keys.Cast<object>().Select(key => $"{Text(key)} = {Text(table[key])}"))} }}",
        { } other => Quoted(Convert.ToString(other, CultureInfo.InvariantCulture) ?? ""),
    };

    private static string Quoted(string text) =>
        text.Length > 0 && text.All(letter => char.IsLetterOrDigit(letter) || letter is '.' or '/' or '_' or '-' or ':' or '*' or '?') ? text : $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
