using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Files;

/// <summary>Giving a file's room back.</summary>
internal static partial class Libc
{
    /// <summary>Makes a run of a file read as zeroes and take no room; the file keeps its size. False where the file system cannot.</summary>
    /// <exception cref="IOException">The system's error, its number in the low word of the HResult.</exception>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length)
    {
        const int keepSize = 1, punchHole = 2, notSupported = 95, notImplemented = 38;
        while (length > 0 && Allocate(file, keepSize | punchHole, offset, length) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is notSupported or notImplemented)
                return false;
            if (error != Interrupted)
                throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
        }

        return true;
    }

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);
}
