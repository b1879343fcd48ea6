using MomentTools.Files;

namespace MomentTools.Operations.Layers;

/// <summary>An image file and what it stands on, as its own header says.</summary>
/// <param name="Path">The file, as it was found.</param>
/// <param name="Stamp">Which file it is.</param>
/// <param name="Below">The paths of what it stands on: its backing file, and its external data file.</param>
/// <param name="Trouble">Why it is not known what it stands on, as part of a sentence; null where it is.</param>
internal sealed record ImageLink(string Path, FileStamp Stamp, IReadOnlyList<string> Below, string? Trouble)
{
    /// <summary>How many internal snapshots the file holds.</summary>
    public int Snapshots { get; init; }

    /// <summary>The virtual size in bytes; of a file that is no qcow2 image its length.</summary>
    public long Size { get; init; }

    /// <summary>Whether two paths are one file, whatever it is called.</summary>
    public static bool IsSame(string one, string other) => one == other || FileStamp.Of(one) is { } first && FileStamp.Of(other) is { } second && Same(first, second);

    public static bool Same(FileStamp one, FileStamp other) => one.Device == other.Device && one.Inode == other.Inode;
}
