using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Files;

/// <summary>Whose a file is and who may use it (<c>statx</c>, <c>fchown</c>), and the space it is promised (<c>posix_fallocate</c>).</summary>
internal static partial class Libc
{
    /// <summary>Leaves the owner, or the group, as it is.</summary>
    public const uint Unchanged = uint.MaxValue;

    /// <summary>The user, the group and the permission bits of a file, at the end of all links or of the path itself; null, with errno set, where it may not be looked at.</summary>
    public static unsafe (uint User, uint Group, UnixFileMode Mode)? Owner(string path, bool follow = true)
    {
        const int user = 20, group = 24, mode = 28, permissions = 0xfff, noFollow = 0x100;
        byte* result = stackalloc byte[StatSize];
        return Stat(CurrentDirectory, path, follow ? 0 : noFollow, BasicStats, result) == 0
            ? (*(uint*)(result + user), *(uint*)(result + group), (UnixFileMode)(*(ushort*)(result + mode) & permissions))
            : null;
    }

    /// <summary>Gives an open file another owner; false, with errno set, where this user may not.</summary>
    public static bool TryChangeOwner(SafeFileHandle file, uint user, uint group) => ChangeOwner(file, user, group) == 0;

    /// <summary>Takes the space for a part of a file, in bytes. 0, or the number of the error; a file system that cannot promise space says EOPNOTSUPP.</summary>
    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Allocate(SafeHandle file, long offset, long length);

    /// <summary>The user as whom this process acts.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(SafeHandle file, uint user, uint group);
}
