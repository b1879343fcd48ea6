using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>Directories that were made on the way to a path, so that exactly these can be flushed, and taken back.</summary>
internal static class MadeDirectories
{
    /// <summary>Makes a directory and those above it where they are missing, durably.</summary>
    /// <returns>What was made, the lowest first.</returns>
    public static IReadOnlyList<string> Make(string path)
    {
        List<string> missing = [];
        for (string? at = path; at is not null && !Path.Exists(at); at = Path.GetDirectoryName(at))
            missing.Add(at);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "make the directory", path);
        }

        foreach (string made in missing)
            DurableFile.FlushDirectory(Path.GetDirectoryName(made)!);
        return missing;
    }
}
