using System.Text.Json;

namespace MomentTools.Machines;

/// <summary>The file behind a node, from the name that QEMU composes for it.</summary>
internal static class NodeFile
{
    private const string JsonPrefix = "json:";
    private const int MostFilters = 16;

    /// <summary>
    /// The path of the file or block device; the name as it is where it leads to neither. QEMU writes <c>json:{…}</c> where a
    /// plain path would leave out an option, and nests filters around the file.
    /// </summary>
    public static string Of(string name)
    {
        if (!name.StartsWith(JsonPrefix, StringComparison.Ordinal))
            return name.StartsWith("file:", StringComparison.Ordinal) ? name["file:".Length..] : name;
        try
        {
            using JsonDocument document = JsonDocument.Parse(name[JsonPrefix.Length..]);
            JsonElement node = document.RootElement;
            for (int depth = 0; depth < MostFilters && node.ValueKind == JsonValueKind.Object; depth++)
            {
                if (node.TryGetProperty("filename", out JsonElement file) && file.ValueKind == JsonValueKind.String)
                    return file.GetString()!;
                if (!node.TryGetProperty("file", out node))
                    break;
            }

            return name;
        }
        // The second is what is thrown for text that is no Unicode.
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return name;
        }
    }
}
