using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Files;

/// <summary>Byte-range locks that belong to an open file, as QEMU takes them on images (<c>fcntl</c>: <c>F_OFD_SETLK</c>, <c>F_OFD_GETLK</c>).</summary>
internal static partial class Libc
{
    private const int OfdGetLock = 36;
    private const int OfdSetLock = 37;
    private const short ReadLock = 0;
    private const short WriteLock = 1;
    private const short Unlocked = 2;

    /// <summary>Takes a shared lock on the bytes; false where another open file holds an exclusive one, or the file system has no locks.</summary>
    public static bool TryShareLock(SafeFileHandle file, long start, long length)
    {
        var range = new LockRange { Type = ReadLock, Start = start, Length = length };
        return ControlLock(file, OfdSetLock, ref range) == 0;
    }

    /// <summary>
    /// Gives back the locks on all of its bytes, as closing it does only when nobody has a copy of the descriptor, such as a process that
    /// another thread is starting.
    /// </summary>
    public static void ReleaseLocks(SafeFileHandle file)
    {
        var range = new LockRange { Type = Unlocked };
        _ = ControlLock(file, OfdSetLock, ref range);
    }

    /// <summary>Whether another open file has any lock on the bytes; true as well where that cannot be known.</summary>
    public static bool IsLockedElsewhere(SafeFileHandle file, long start, long length)
    {
        var range = new LockRange { Type = WriteLock, Start = start, Length = length };
        return ControlLock(file, OfdGetLock, ref range) != 0 || range.Type != Unlocked;
    }

    /// <summary>Whether an open file has a lock on the bytes of a file, links followed; false as well where that cannot be known.</summary>
    public static bool IsKnownLocked(string path, long start, long length)
    {
        int descriptor = Open(path, ReadOnly | CloseOnExec | NonBlocking);
        if (descriptor < 0)
            return false;
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        var range = new LockRange { Type = WriteLock, Start = start, Length = length };
        return ControlLock(file, OfdGetLock, ref range) == 0 && range.Type != Unlocked;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ControlLock(SafeHandle file, int command, ref LockRange range);

    // struct flock of the 64-bit systems that .NET runs on.
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct LockRange
    {
        [FieldOffset(0)]
        public short Type;

        [FieldOffset(8)]
        public long Start;

        [FieldOffset(16)]
        public long Length;
    }
}
