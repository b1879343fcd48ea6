using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>The calls about where a file's data lies and what a path really names.</summary>
internal static partial class Libc
{
    public const int NonBlocking = 0x800;
    public const int SeekEnd = 2;
    public const int SeekData = 3;
    public const int SeekHole = 4;
    public const int PathCapacity = 4096;

    /// <summary>O_DIRECTORY. It and O_NOFOLLOW are the flags here that are not the same on every architecture.</summary>
    public static int Directory => IsArmOrPower ? 0x4000 : 0x10000;

    public static int NoFollow => IsArmOrPower ? 0x8000 : 0x20000;

    private static bool IsArmOrPower => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm or Architecture.Ppc64le;

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial long Seek(SafeHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial byte* RealPath(string path, byte* resolved);

    /// <summary>The absolute path without links, dots and dot-dots; null, with errno set, when something on it is missing or unreadable.</summary>
    public static unsafe string? RealPath(string path)
    {
        byte* resolved = stackalloc byte[PathCapacity];
        return RealPath(path, resolved) is null ? null : Marshal.PtrToStringUTF8((nint)resolved);
    }
}
