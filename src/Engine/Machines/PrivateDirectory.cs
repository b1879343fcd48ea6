using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>Directories that only their owner may enter.</summary>
internal static class PrivateDirectory
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the directory and those above it where they are missing.</summary>
    public static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("QEMU is driven through Unix sockets and /proc.");
        try
        {
            Directory.CreateDirectory(path, OwnerOnly);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "make the directory", path);
        }
    }
}
