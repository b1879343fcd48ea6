using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Tests.Support;

/// <summary>A second descriptor of a file that this process has open, as each process has of all of them while it is being started.</summary>
internal static partial class OpenCopy
{
    public static SafeFileHandle Of(string path)
    {
        string found = Assert.Single(Directory.EnumerateFileSystemEntries("/proc/self/fd"), entry => new FileInfo(entry).LinkTarget == path);
        int copy = Duplicate(int.Parse(Path.GetFileName(found), CultureInfo.InvariantCulture));
        Assert.True(copy >= 0);
        return new SafeFileHandle(copy, ownsHandle: true);
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Duplicate(int descriptor);
}
