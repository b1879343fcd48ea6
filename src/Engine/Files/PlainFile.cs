using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Files;

/// <summary>
/// Files in directories that may come from anywhere: a link would lead to another file, a FIFO would hold who opens it for ever, and
/// opening a device may do anything. None of them is opened.
/// </summary>
internal static class PlainFile
{
    /// <summary>Why a path is no regular file of its own, as the rest of "it is …"; null where it is one.</summary>
    public static string? WhyNot(string path) => Libc.KindOf(path) switch
    {
        FileKind.Regular => null,
        FileKind.Absent => "missing",
        FileKind.Directory => "a directory and no file",
        FileKind.Link => "a symbolic link to another file",
        FileKind.Fifo => "a FIFO and no file",
        FileKind.Socket => "a socket and no file",
        FileKind.Device => "a device and no file",
        _ => "no regular file",
    };

    /// <summary>Opens a regular file for reading. What lies beneath the name is looked at first and not followed then.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="IOException">It is something else, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FileStream OpenRead(string path)
    {
        if (WhyNot(path) is { } why)
            throw Libc.KindOf(path) == FileKind.Absent ? new FileNotFoundException("It is missing.") : new IOException($"It is {why}.");
        int descriptor = Libc.Open(path, Libc.ReadOnly | Libc.CloseOnExec | Libc.NonBlocking | Libc.NoFollow);
        if (descriptor >= 0)
            return new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Read, 1);
        const int notPermitted = 1, noEntry = 2, noAccess = 13;
        string words = Marshal.GetLastPInvokeErrorMessage();
        throw Marshal.GetLastPInvokeError() switch
        {
            noEntry => new FileNotFoundException(words),
            notPermitted or noAccess => new UnauthorizedAccessException(words),
            int number => new IOException(words, number),
        };
    }
}
