using System.Text.Json.Nodes;

namespace MomentTools.Moments;

/// <summary>What is written to a domain's directory as one: relative path and new content, null to delete the file.</summary>
internal sealed record FileChanges(IReadOnlyDictionary<string, string?> Files)
{
    public static FileChanges None { get; } = new(new Dictionary<string, string?>(StringComparer.Ordinal));

    public static FileChanges FromJson(JsonObject files) =>
        new(files.ToDictionary(file => file.Key, file => (string?)file.Value, StringComparer.Ordinal));

    public JsonObject ToJson() => new(Files.Select(file => KeyValuePair.Create(file.Key, (JsonNode?)file.Value)));
}
