using System.Globalization;

namespace MomentTools.Cmdlets;

/// <summary>What the end of snapshots means, in words for ShouldProcess: which file goes where, how many bytes, what stays.</summary>
internal static class RemovalText
{
    private const int MostNames = 12;

    public static string Of(string verb, VMSnapshotRemoval removal)
    {
        string files = removal.Files.Count == 0 ? "no file changes" : string.Join("; ", removal.Files.Select(File));
        string stays = removal.Stays.Count == 0 ? "no moment stays"
            : $"{removal.Stays.Count} {(removal.Stays.Count == 1 ? "moment stays" : "moments stay")}: {string.Join(", ", removal.Stays.Take(MostNames))}{(removal.Stays.Count > MostNames ? ", ..." : "")}";
        return $"{verb} ({files}; {stays})";
    }

    private static string File(VMLayerChange file)
    {
        string name = $"'{file.Path}' ({Size(file.Bytes)})";
        return file.Action switch
        {
            "Merge" => $"merge {name} into '{file.Into}'",
            "Merge and keep" => $"merge {name} into '{file.Into}' and leave the file, which is not ours",
            "Copy" => $"copy what '{file.Into}' reads from {name} into it",
            "Remove" => $"delete {name}",
            "Forget" => $"leave {name}, which is not ours",
            _ => $"keep {name}, because {file.Reason}",
        };
    }

    private static string Size(long bytes) =>
        bytes >= 1L << 30 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.#} GiB")
        : bytes >= 1L << 20 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{(bytes + 1023) >> 10} KiB");
}
