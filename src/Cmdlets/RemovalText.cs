using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>What the end of snapshots means, in words for ShouldProcess: which file goes where, how many bytes, what stays, and whether it can be undone.</summary>
internal static class RemovalText
{
    private const int MostNames = 12;

    public static string Of(string verb, VMSnapshotRemoval removal)
    {
        string stays = removal.Stays.Count == 0 ? "no moment stays"
            : $"{removal.Stays.Count} {(removal.Stays.Count == 1 ? "moment stays" : "moments stay")}: {string.Join(", ", removal.Stays.Take(MostNames))}{(removal.Stays.Count > MostNames ? ", ..." : "")}";
        return $"{verb} ({Files(removal.Files)}; {stays})";
    }

    /// <summary>How long something can be brought back, as a part of a sentence; what becomes of files comes after that.</summary>
    public static string Undo(TimeSpan? undoFor) =>
        undoFor is null ? "Undo-VMSnapshot can bring it back for an hour"
        : undoFor > TimeSpan.Zero ? $"Undo-VMSnapshot can bring it back for {undoFor}"
        : "at once and for good";

    /// <summary>What becomes of which file.</summary>
    public static string Files(IReadOnlyCollection<VMLayerChange> files) => files.Count == 0 ? "no file goes" : string.Join("; ", files.Select(File));

    private static string File(VMLayerChange file)
    {
        string name = $"'{file.Path}' ({ByteText.Of(file.Bytes)})";
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
}
