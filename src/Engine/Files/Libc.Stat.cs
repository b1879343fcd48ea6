using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>What the system knows of a file beyond its name (<c>statx</c>, whose layout is the same on every architecture).</summary>
internal static partial class Libc
{
    private const int CurrentDirectory = -100;
    private const uint BasicStats = 0x7ff;
    private const int StatSize = 256;
    private const int NoLinks = 0x100;
    private const int TypeBits = 0xf000;

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int Stat(int directory, string path, int flags, uint mask, byte* result);

    /// <summary>The file at the end of all links; null, with errno set, where there is none or it may not be looked at.</summary>
    public static unsafe FileStamp? Stat(string path)
    {
        const int inode = 32, length = 40, changed = 96, modified = 112, major = 136, minor = 140;
        byte* result = stackalloc byte[StatSize];
        if (Stat(CurrentDirectory, path, 0, BasicStats, result) != 0)
            return null;
        ulong device = ((ulong)*(uint*)(result + major) << 32) | *(uint*)(result + minor);
        return new FileStamp(device, *(ulong*)(result + inode), *(long*)(result + length), Nanoseconds(result + modified), Nanoseconds(result + changed));
    }

    /// <summary>How many bytes a file takes on its storage, holes left out; null where there is none.</summary>
    public static unsafe long? Allocated(string path)
    {
        const int blocks = 48, blockSize = 512;
        byte* result = stackalloc byte[StatSize];
        return Stat(CurrentDirectory, path, 0, BasicStats, result) == 0 ? *(long*)(result + blocks) * blockSize : null;
    }

    /// <summary>Whether the system says that there is no file of this name.</summary>
    public static bool IsAbsent(string path)
    {
        const int noEntry = 2, noDirectory = 20;
        return Stat(path) is null && Marshal.GetLastPInvokeError() is noEntry or noDirectory;
    }

    /// <summary>Whether a path itself, no link followed, is a socket.</summary>
    public static bool IsSocket(string path) => KindOf(path) == FileKind.Socket;

    /// <summary>What lies at a path itself, no link followed.</summary>
    public static FileKind KindOf(string path) => (ModeOf(path, NoLinks) & TypeBits) switch
    {
        0 => FileKind.Absent,
        0x1000 => FileKind.Fifo,
        0x2000 or 0x6000 => FileKind.Device,
        0x4000 => FileKind.Directory,
        0x8000 => FileKind.Regular,
        0xa000 => FileKind.Link,
        0xc000 => FileKind.Socket,
        _ => FileKind.Other,
    };

    /// <summary>Whether a path leads to a block device, at the end of all links: QEMU has a driver of its own for these.</summary>
    public static bool IsBlockDevice(string path) => (ModeOf(path, 0) & TypeBits) == 0x6000;

    /// <summary>How many names a file has; 0 where there is none.</summary>
    public static unsafe uint Links(string path)
    {
        const int links = 16;
        byte* result = stackalloc byte[StatSize];
        return Stat(CurrentDirectory, path, NoLinks, BasicStats, result) == 0 ? *(uint*)(result + links) : 0;
    }

    /// <summary>Whether there is anything at a path, a link that leads nowhere too.</summary>
    public static bool IsPresent(string path) => ModeOf(path, NoLinks) != 0;

    // st_mode; 0 where there is nothing.
    private static unsafe int ModeOf(string path, int flags)
    {
        const int mode = 28;
        byte* result = stackalloc byte[StatSize];
        return Stat(CurrentDirectory, path, flags, BasicStats, result) == 0 ? *(ushort*)(result + mode) : 0;
    }

    // struct statx_timestamp: seconds in 64 bits, nanoseconds in 32.
    private static unsafe long Nanoseconds(byte* time) => Math.Max(0, unchecked(*(long*)time * 1_000_000_000 + *(uint*)(time + 8)));
}
