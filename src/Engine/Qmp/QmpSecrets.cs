using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>What a trace of the monitor leaves out: passwords (QAPI's <c>set_password</c>, <c>change-vnc-password</c>) and secrets (<c>object-add</c>).</summary>
internal static class QmpSecrets
{
    private const string Hidden = "…";

    // "data" is the content of a secret, and of others no more than a trace can do without.
    private static readonly string[] Names = ["password", "data"];

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A command as it may be shown.</summary>
    public static string Hide(string line)
    {
        // Nearly none has any, and a trace is long.
        if (!Names.Any(name => line.Contains($"\"{name}\"", StringComparison.Ordinal)))
            return line;
        var node = JsonNode.Parse(line);
        Hide(node);
        return node?.ToJsonString(Plain) ?? line;
    }

    private static void Hide(JsonNode? node)
    {
        if (node is JsonArray array)
            foreach (JsonNode? item in array)
                Hide(item);
        if (node is not JsonObject record)
            return;
        foreach (string name in record.Select(property => property.Key).ToArray())
            if (record[name] is JsonValue && Names.Contains(name, StringComparer.Ordinal))
                record[name] = Hidden;
            else
                Hide(record[name]);
    }
}
