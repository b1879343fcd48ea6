using System.Text.RegularExpressions;

namespace MomentTools.Tests.House;

/// <summary>Which room may use which, and what breaks that: using lines, names with a room before them, and the door itself.</summary>
internal static partial class ImportTable
{
    private static readonly string[] Languages = ["Xml", "Qcow2", "Qmp", "Nbd"];
    private static readonly string[] Ground = ["Errors", "Blocks", "Files"];

    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Errors"] = [],
        ["Blocks"] = ["Errors", "Files"],
        ["Files"] = ["Errors"],
        ["Xml"] = Ground,
        ["Qcow2"] = Ground,
        ["Qmp"] = Ground,
        ["Nbd"] = Ground,
        ["Moments"] = [.. Ground, "Xml"],
        ["Machines"] = [.. Ground, .. Languages],
        ["Operations"] = [.. Ground, .. Languages, "Moments", "Machines"],
        // What users hold is in the engine's root namespace; it knows errors only.
        ["Results"] = ["Errors"],
        // MomentEngine, the door.
        [""] = [.. Ground, .. Languages, "Moments", "Machines", "Operations"],
        ["Cmdlets"] = ["Errors"],
    };

    /// <summary>One sentence for each place where a file uses a room that its own may not use.</summary>
    public static IReadOnlyList<string> Violations(IReadOnlyList<SourceFile> files)
    {
        ILookup<string, string> types = files.ToLookup(Room, file => file.Subject, StringComparer.Ordinal);
        return [.. files.SelectMany(file => Violations(file, types))];
    }

    /// <summary>src/Engine/ROOM/…; "" for the engine's root; "Cmdlets" for all of src/Cmdlets.</summary>
    public static string Room(SourceFile file)
    {
        string[] parts = file.Path.Split('/');
        return parts[1] == "Cmdlets" ? "Cmdlets" : parts.Length > 3 ? parts[2] : "";
    }

    private static IEnumerable<string> Violations(SourceFile file, ILookup<string, string> types)
    {
        string room = Room(file);
        if (!Allowed.TryGetValue(room, out string[]? allowed))
        {
            yield return $"{file.Path}: the room '{room}' is not in the table of rooms";
            yield break;
        }

        foreach ((int index, string line) in file.Code.Index())
        {
            foreach (string used in Named(line, types).Distinct(StringComparer.Ordinal))
            {
                if (used != room && !allowed.Contains(used))
                    yield return $"{file.Path}:{index + 1}: {(room.Length == 0 ? "the root" : room)} may not use {used}";
            }

            if (room is not ("" or "Cmdlets") && Door().IsMatch(line))
                yield return $"{file.Path}:{index + 1}: the door MomentEngine is for callers outside the engine";
        }
    }

    private static IEnumerable<string> Named(string line, ILookup<string, string> types)
    {
        foreach (Match match in FullName().Matches(line))
        {
            string name = match.Groups["room"].Value;
            if (Allowed.ContainsKey(name))
                yield return name;
        }

        // Within MomentTools.X, "Qmp.QmpClient" means MomentTools.Qmp.QmpClient.
        foreach (Match match in RelativeName().Matches(line))
        {
            string name = match.Groups["room"].Value;
            if (Allowed.ContainsKey(name) && types[name].Contains(match.Groups["type"].Value, StringComparer.Ordinal))
                yield return name;
        }
    }

    // A namespace declaration is no use of it.
    [GeneratedRegex(@"(?<!namespace\s+)\bMomentTools\.(?<room>\w+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex FullName();

    [GeneratedRegex(@"(?<![\w.])(?<room>[A-Z]\w+)\.(?<type>[A-Z]\w+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex RelativeName();

    [GeneratedRegex(@"\bMomentEngine\b", RegexOptions.None, 60_000)]
    private static partial Regex Door();
}
