using System.Text.Json.Nodes;

namespace MomentTools.Machines;

/// <summary>
/// QAPI's BlockdevOptions for chains of images, for <c>-blockdev</c> and <c>blockdev-add</c> alike. Formats and ends of
/// chains are always explicit, so that an image never chooses which files are opened.
/// </summary>
internal static class BlockdevOptions
{
    /// <summary>One node for each layer, the lowest first, each referring to the one below by name.</summary>
    /// <remarks>Nodes added one by one belong to the monitor, so that <c>blockdev-del</c> works on each; nested ones do not.</remarks>
    /// <param name="chain">The layers, the top first.</param>
    public static IReadOnlyList<JsonObject> ForEachLayer(IReadOnlyList<ImageLayer> chain, DriverOptions? options = null)
    {
        List<JsonObject> nodes = [];
        for (int i = chain.Count - 1; i >= 0; i--)
            nodes.Add(ForLayer(chain[i], i + 1 < chain.Count ? JsonValue.Create(chain[i + 1].NodeName) : null, options, top: i == 0));
        return nodes;
    }

    /// <summary>The whole chain as one nested object.</summary>
    /// <param name="chain">The layers, the top first.</param>
    public static JsonObject ForChain(IReadOnlyList<ImageLayer> chain, DriverOptions? options = null)
    {
        JsonObject? below = null;
        for (int i = chain.Count - 1; i >= 0; i--)
            below = ForLayer(chain[i], below, options, top: i == 0);
        return below ?? throw new ArgumentException("A chain has at least one layer.", nameof(chain));
    }

    /// <summary>One layer alone, on a node that is there already, or on none.</summary>
    /// <param name="backing">The node beneath; null: nothing, whatever the image says.</param>
    public static JsonObject ForTop(ImageLayer layer, string? backing, DriverOptions? options = null) =>
        ForLayer(layer, backing is null ? null : JsonValue.Create(backing), options, top: true);

    private static JsonObject ForLayer(ImageLayer layer, JsonNode? backing, DriverOptions? options, bool top)
    {
        options ??= DriverOptions.Default;
        var file = new JsonObject
        {
            ["driver"] = layer.IsBlockDevice ? "host_device" : "file",
            ["filename"] = layer.Path,
            ["node-name"] = layer.FileNodeName,
        };
        // Not "read-only": block-commit could then not reopen the file for writing.
        if (layer.ReadOnly)
            file["auto-read-only"] = true;
        if (options.Aio is not null)
            file["aio"] = options.Aio;
        var node = new JsonObject
        {
            ["driver"] = layer.Format,
            ["node-name"] = layer.NodeName,
            ["read-only"] = layer.ReadOnly,
            ["file"] = file,
        };
        // Both nodes have to let a discard through, and both keep the cache mode: a layer may become the top one day.
        foreach (JsonObject each in (JsonObject[])[file, node])
        {
            if (options.Discard is not null)
                each["discard"] = options.Discard;
            if (options.Direct is { } direct && options.NoFlush is { } noFlush)
                each["cache"] = new JsonObject { ["direct"] = direct, ["no-flush"] = noFlush };
        }

        if (top && !layer.ReadOnly && options.DetectZeroes is not null)
            node["detect-zeroes"] = options.DetectZeroes;
        // Raw has nothing below; for the others null means: whatever the image says, nothing.
        if (layer.Format != "raw")
            node["backing"] = backing;
        else if (backing is not null)
            throw new ArgumentException($"The layer {layer.NodeName} is raw and can have nothing below it.", nameof(backing));
        return node;
    }
}
