using MomentTools.Moments;

namespace MomentTools.Operations.Serving;

/// <summary>One export as it was decided.</summary>
/// <param name="Number">Its number: part of the names of all that it has in QEMU.</param>
/// <param name="Disk">The disk's name.</param>
/// <param name="ExportName">The export's name in the NBD protocol.</param>
/// <param name="Snapshot">The block snapshot that is served; null: one that is made for it, or the images themselves.</param>
/// <param name="Since">The moment since which changes are told, or null.</param>
internal sealed record PlannedExport(int Number, string Disk, string ExportName, string? Snapshot, MomentKey? Since)
{
    /// <summary>How the names begin of all that an operation's exports have in QEMU.</summary>
    public static string Prefix(string id) => $"mt-e-{id}-";

    /// <summary>The export in QEMU.</summary>
    public static string ExportId(string id, int number) => $"{Prefix(id)}{number}";

    /// <summary>The node of the dirty bitmap that the export shows: one of its own, so that the bitmap can bear the moment's name.</summary>
    public static string ContextNode(string id, int number) => $"{ExportId(id, number)}-z";

    /// <summary>How the nodes of images that were opened for the export begin.</summary>
    public static string ImageNodes(string id, int number) => $"{ExportId(id, number)}-i";
}
