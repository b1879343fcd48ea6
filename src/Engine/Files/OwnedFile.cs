using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;

namespace MomentTools.Files;

/// <summary>
/// New files that hold a guest's content: never onto a file that is there, and never open to anybody who could not read what they stand
/// beside (CVE-2025-13193).
/// </summary>
internal static class OwnedFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode GroupBits = UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
    private const UnixFileMode Permissions = (UnixFileMode)0x1ff;
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Makes an empty file for its owner alone.</summary>
    /// <exception cref="MomentException"><c>FileExists</c>, <c>FileMissing</c> (its directory), <c>StorageAccessDenied</c>, <c>StorageFull</c>.</exception>
    public static FileStream Create(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("Images are made on the file systems of Linux.");
        try
        {
            return new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, UnixCreateMode = OwnerOnly,
            });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (failure is IOException and not (FileNotFoundException or DirectoryNotFoundException) && Path.Exists(path))
                throw new MomentException(FileErrors.FileExists, $"Cannot make '{path}': there is a file of that name already, and none is ever overwritten.", path, "Name another file, or move the old one away.", failure);
            throw FileErrors.From(failure, "make", path);
        }
    }

    /// <summary>Gives a new file the owner, the group and the mode of another one; where this user may not, nobody gets more than there.</summary>
    public static void Model(SafeFileHandle file, string model)
    {
        if (OperatingSystem.IsWindows() || Libc.Owner(model) is not { } owner)
            return;
        UnixFileMode mode = (owner.Mode & Permissions & ~Executable) | OwnerOnly;
        bool owned = Libc.TryChangeOwner(file, owner.User, Libc.Unchanged);
        // The bits of a group mean that group and no other.
        if (!Libc.TryChangeOwner(file, Libc.Unchanged, owner.Group))
            mode &= owned ? ~GroupBits : OwnerOnly;
        File.SetUnixFileMode(file, mode);
    }
}
