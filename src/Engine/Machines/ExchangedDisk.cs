using System.Text.Json.Nodes;

namespace MomentTools.Machines;

/// <summary>One disk of a running machine that is put on another chain of images.</summary>
/// <param name="Disk">The disk's name.</param>
/// <param name="Device">The guest's device, as <c>query-block</c> names it.</param>
/// <param name="OldNode">The node that it used.</param>
/// <param name="NewNode">The node that it is to use.</param>
/// <param name="Leaves">The nodes that only the old chain needs, the top first.</param>
internal sealed record ExchangedDisk(string Disk, string Device, string OldNode, string NewNode, IReadOnlyList<string> Leaves)
{
    public JsonObject ToJson() => new()
    {
        ["disk"] = Disk, ["device"] = Device, ["old"] = OldNode, ["new"] = NewNode, ["leaves"] = new JsonArray([.. Leaves.Select(node => (JsonNode)node)]),
    };

    public static ExchangedDisk FromJson(JsonObject json) => new(
        (string)json["disk"]!, (string)json["device"]!, (string)json["old"]!, (string)json["new"]!, [.. json["leaves"]!.AsArray().Select(node => (string)node!)]);
}
