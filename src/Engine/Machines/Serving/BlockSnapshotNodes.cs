using System.Globalization;
using System.Text.Json.Nodes;

namespace MomentTools.Machines.Serving;

/// <summary>
/// The nodes that one disk of a block snapshot has in the machine's QEMU. A filter under the guest's device copies what is about to be
/// overwritten into a scratch image; another node on the filter shows the disk as it was. The scratch image hangs on a node of its own,
/// which can be turned away from it while the filter has to stay.
/// </summary>
/// <param name="Id">The block snapshot's id.</param>
/// <param name="Number">The disk's number in it.</param>
internal sealed record BlockSnapshotNodes(string Id, int Number)
{
    public const string Prefix = "mt-bs-";

    // Guests' drivers give a request up after 30 s; a scratch file that takes nothing any more must not let it come to that.
    private const int CopySeconds = 10;

    private const string FilterEnd = "-c", TargetEnd = "-t", NothingEnd = "-z";

    private string Base => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Id}-{Number}");

    /// <summary>The bitmap on each tracked disk that says what changed until the instant.</summary>
    public static string Bitmap(string id) => Prefix + id;

    /// <summary>The node that is there while the machine stands still for the block snapshot's instant, and for nothing else.</summary>
    public static string Hold(string id) => $"{Prefix}{id}-h";

    public static JsonObject HoldOptions(string id) => new() { ["driver"] = "null-co", ["node-name"] = Hold(id) };

    /// <summary>The copy-before-write filter.</summary>
    public string Filter => Base + FilterEnd;

    /// <summary>
    /// The disk as it was at the instant, for everybody who reads (<see cref="ClusterView"/>); where a job copies in place of a filter, the
    /// scratch image shows it.
    /// </summary>
    public string View => Base + "-v";

    /// <summary>The disk as it was at the instant, for the view alone: what QEMU answers here is not always right.</summary>
    public string Access => Base + "-a";

    /// <summary>What the filter writes to.</summary>
    public string Target => Base + TargetEnd;

    /// <summary>The scratch image.</summary>
    public string Image => Base + "-q";

    /// <summary>The scratch file.</summary>
    public string File => Base + "-f";

    /// <summary>The job that copies in place of a filter.</summary>
    public string Job => Base;

    private string Space => Base + "-l";

    private string Nothing => Base + NothingEnd;

    /// <summary>Opens a scratch image; nothing in it is needed after a crash, so nothing waits for its storage.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes that it may take, or null; the file has that length then.</param>
    /// <param name="backing">The node that the image stands on, or null.</param>
    public JsonObject ImageOptions(string path, long? limit, string? backing)
    {
        JsonObject file = Cached(new JsonObject { ["driver"] = "file", ["node-name"] = File, ["filename"] = path, ["discard"] = "unmap" });
        if (limit is { } most)
            file = Cached(new JsonObject { ["driver"] = "raw", ["node-name"] = Space, ["size"] = most, ["discard"] = "unmap", ["file"] = file });
        return Cached(new JsonObject { ["driver"] = "qcow2", ["node-name"] = Image, ["discard"] = "unmap", ["file"] = file, ["backing"] = backing });
    }

    public JsonObject TargetOptions() => TargetOptions(Image);

    /// <summary>Puts the filter on a node. From its making on it copies before it lets write; a copy that fails breaks the view, never the guest's write.</summary>
    /// <param name="below">The node.</param>
    /// <param name="unmap">Whether the guest's discards are let through to the node; where that ignores them, there is nothing to copy.</param>
    public JsonObject FilterOptions(string below, bool unmap) => new()
    {
        ["driver"] = "copy-before-write", ["node-name"] = Filter, ["file"] = below, ["target"] = Target, ["on-cbw-error"] = "break-snapshot", ["cbw-timeout"] = CopySeconds,
        ["discard"] = unmap ? "unmap" : "ignore",
    };

    public JsonObject AccessOptions() => new() { ["driver"] = "snapshot-access", ["node-name"] = Access, ["file"] = Filter };

    /// <summary>A node that takes everything and keeps nothing.</summary>
    public JsonObject NothingOptions(long size) => new() { ["driver"] = "null-co", ["node-name"] = Nothing, ["size"] = size };

    /// <summary>Turns the filter's target away from the scratch image.</summary>
    public JsonObject TurnedOptions() => TargetOptions(Nothing);

    /// <summary>Whether the filter copies to nowhere: its snapshot is gone, and it only stays until those above it are.</summary>
    public bool IsDrained(IReadOnlyCollection<Qmp.QmpGraphEdge> graph) => graph.Any(edge => edge.Parent == Target && edge.Child == Nothing);

    /// <summary>All nodes that a filter that was taken out leaves, in the order in which they can be closed.</summary>
    public IEnumerable<string> Remains => [Filter, Target, Image, Nothing];

    /// <summary>The nodes to which a filter of ours belongs; null for any other node.</summary>
    public static BlockSnapshotNodes? OfFilter(string node)
    {
        if (!node.StartsWith(Prefix, StringComparison.Ordinal) || !node.EndsWith(FilterEnd, StringComparison.Ordinal))
            return null;
        string[] parts = node[Prefix.Length..^FilterEnd.Length].Split('-');
        return parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? new BlockSnapshotNodes(parts[0], number) : null;
    }

    private JsonObject TargetOptions(string image) => new() { ["driver"] = "raw", ["node-name"] = Target, ["file"] = image };

    private static JsonObject Cached(JsonObject node)
    {
        node["cache"] = new JsonObject { ["direct"] = false, ["no-flush"] = true };
        return node;
    }
}
