using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>The calls about the names of files: exchanging two, and giving a file a second one.</summary>
internal static partial class Libc
{
    private const uint RenameExchange = 2;

    /// <summary>Exchanges what two names of one file system mean, at one instant (<c>renameat2</c>). False where the file system or the C library cannot.</summary>
    /// <exception cref="IOException">The system's error, its number in the low word of the HResult.</exception>
    public static bool TryExchange(string first, string second)
    {
        const int invalid = 22, notImplemented = 38, notSupported = 95;
        try
        {
            while (Rename(CurrentDirectory, first, CurrentDirectory, second, RenameExchange) != 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error is invalid or notImplemented or notSupported)
                    return false;
                if (error != Interrupted)
                    throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
            }

            return true;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Gives a file a second name. False where it cannot have one: another file system, or one without hard links.</summary>
    public static bool TryLink(string file, string name) => Link(file, name) == 0;

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Rename(int firstDirectory, string first, int secondDirectory, string second, uint flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string file, string name);
}
