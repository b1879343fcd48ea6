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
        string real = Libc.RealPath(path) ?? path;
        return HostProcess.All().Where(process => process.Id != Environment.ProcessId && Holds(process.Id, real));
    }

    private static bool Holds(int id, string path)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{id}/fd").Any(file => string.Equals(new FileInfo(file).LinkTarget, path, StringComparison.Ordinal));
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
