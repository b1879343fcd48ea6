using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>Who has an image open. QEMU's locks belong to open files and tell no process, so /proc has to.</summary>
internal static class ImageHolders
{
    /// <summary>The processes, as "qemu-system-x86 (process 4711)"; none where this user may not see them.</summary>
    public static IReadOnlyList<string> Of(string path) => [.. Processes(path).Select(process => $"{process.Name} (process {process.Id})")];

    /// <summary>The processes; none where this user may not see them.</summary>
    public static IEnumerable<HostProcess> Processes(string path)
    {
        string real = FilePath.Real(path);
        return Others().Where(process => Holds(process.Id, real));
    }

    /// <summary>The other processes that have files open below a directory, each with each such file; none where this user may not see them.</summary>
    /// <param name="directory">The directory's real path.</param>
    public static IEnumerable<(HostProcess Process, string Path)> Below(string directory)
    {
        string prefix = directory + Path.DirectorySeparatorChar;
        return from process in Others()
               from path in OpenFiles(process.Id)
               where path.StartsWith(prefix, StringComparison.Ordinal)
               select (process, path);
    }

    // In this order: what is no copy of this process any more has open what it opened itself.
    private static IEnumerable<HostProcess> Others() => HostProcess.All().Where(process => process.Id != Environment.ProcessId && !process.IsBeingStartedHere);

    private static bool Holds(int id, string path) => OpenFiles(id).Contains(path, StringComparer.Ordinal);

    private static IReadOnlyList<string> OpenFiles(int id)
    {
        try
        {
            return [.. Directory.EnumerateFiles($"/proc/{id}/fd").Select(file => new FileInfo(file).LinkTarget).OfType<string>()];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
