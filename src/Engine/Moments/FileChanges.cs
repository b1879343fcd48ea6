using System.Text.Json.Nodes;

namespace MomentTools.Moments;

/// <summary>What is written to a domain's directory as one: relative path and new content, null to delete the file.</summary>
internal sealed record FileChanges(IReadOnlyDictionary<string, string?> Files)
{
    public static FileChanges None { get; } = new(new Dictionary<string, string?>(StringComparer.Ordinal));

    /// <exception cref="FormatException">A path leads out of the domain's directory: nobody wrote that but damage.</exception>
    public static FileChanges FromJson(JsonObject files) =>
        new(files.ToDictionary(file => IsBelow(file.Key) ? file.Key : throw new FormatException("a file to be written is not one of the domain's directory"), file => (string?)file.Value, StringComparer.Ordinal));

    public JsonObject ToJson() => new(Files.Select(file => KeyValuePair.Create(file.Key, (JsonNode?)file.Value)));

    private static bool IsBelow(string path) =>
        !path.Contains('\0', StringComparison.Ordinal) && path.Split('/').All(part => part is not ("" or "." or ".."));
}
