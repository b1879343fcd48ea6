namespace MomentTools.Files;

/// <summary>What a path really names: links on it may give one file many paths.</summary>
internal static class FilePath
{
    /// <summary>The absolute path without links, dots and dot-dots; the path as it is where nothing is there, or it cannot be looked at.</summary>
    public static string Real(string path) => Libc.RealPath(path) ?? path;

    /// <summary>The same of a file that need not be there yet: of its directory.</summary>
    public static string RealOfNew(string path)
    {
        string directory = Path.GetDirectoryName(path)!;
        return Path.Combine(Real(directory), Path.GetFileName(path));
    }

    /// <summary>Whether two paths lead to one file; also where neither leads anywhere, but both are the same.</summary>
    public static bool IsSame(string? one, string? other) =>
        one == other || (one is not null && other is not null && Libc.RealPath(one) is { } real && real == Libc.RealPath(other));
}
