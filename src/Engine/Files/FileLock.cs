using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;

namespace MomentTools.Files;

/// <summary>
/// An exclusive advisory lock (<c>flock</c>) on a file of its own, between processes and threads alike; the system releases it
/// when its holder dies. The file says who holds it: process, since when, for what. It stays when the lock is released.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private const int OwnerReadWrite = 0x180;
    private const int LongestNote = 512;
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(15);

    private readonly SafeFileHandle _handle;

    private FileLock(SafeFileHandle handle) => _handle = handle;

    /// <summary>Takes the lock, waiting up to <paramref name="timeout"/>; then the error says who holds it and with what (LockBusy).</summary>
    public static async Task<FileLock> TakeAsync(string path, string operation, TimeSpan timeout, CancellationToken cancellation)
    {
        SafeFileHandle handle = Open(path, Libc.ReadWrite | Libc.Create | Libc.CloseOnExec);
        try
        {
            long start = Environment.TickCount64;
            while (true)
            {
                if (TryLock(handle, path))
                {
                    if (IsAt(handle, path))
                        break;
                    // Its directory was renamed or removed while this waited: what bears the name now has a lock of its own.
                    Release(handle);
                    handle = Open(path, Libc.ReadWrite | Libc.Create | Libc.CloseOnExec);
                    continue;
                }

                if (Environment.TickCount64 - start >= timeout.TotalMilliseconds)
                    throw Busy(path, operation);
                await Task.Delay(RetryInterval, cancellation);
            }

            byte[] note = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{DateTimeOffset.UtcNow:O}\n{operation}\n"));
            RandomAccess.SetLength(handle, 0);
            RandomAccess.Write(handle, note, 0);
            return new FileLock(handle);
        }
        catch (Exception failure)
        {
            Release(handle);
            if (failure is IOException or UnauthorizedAccessException)
                throw FileErrors.From(failure, "write the lock", path);
            throw;
        }
    }

    /// <summary>Whether somebody holds the lock at this instant.</summary>
    public static bool IsHeld(string path)
    {
        if (!File.Exists(path))
            return false;
        SafeFileHandle handle = Open(path, Libc.ReadOnly | Libc.CloseOnExec);
        try
        {
            return !TryLock(handle, path);
        }
        finally
        {
            Release(handle);
        }
    }

    public void Dispose() => Release(_handle);

    // Closing alone is not enough: a process that another thread is starting has a copy, and with it the lock, until it begins its program.
    private static void Release(SafeFileHandle handle)
    {
        if (!handle.IsClosed)
            _ = Libc.Lock((int)handle.DangerousGetHandle(), Libc.Unlock);
        handle.Dispose();
    }

    private static SafeFileHandle Open(string path, int flags)
    {
        // A repository may come from anywhere: its lock must not lead to another file, nor hold who opens it.
        if (Libc.KindOf(path) != FileKind.Absent && PlainFile.WhyNot(path) is { } why)
            throw FileErrors.From(new IOException($"It is {why}."), "open the lock", path);
        int descriptor = Libc.Open(path, flags | Libc.NoFollow | Libc.NonBlocking, OwnerReadWrite);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw FileErrors.From(SystemFailure(Marshal.GetLastPInvokeError()), "open the lock", path);
    }

    private static bool IsAt(SafeFileHandle handle, string path) =>
        Libc.RealPath(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{handle.DangerousGetHandle()}")) is { } locked && locked == Libc.RealPath(path);

    private static bool TryLock(SafeFileHandle handle, string path)
    {
        while (Libc.Lock((int)handle.DangerousGetHandle(), Libc.LockExclusive | Libc.LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == Libc.WouldBlock)
                return false;
            if (error != Libc.Interrupted)
                throw FileErrors.From(SystemFailure(error), "lock", path);
        }

        return true;
    }

    private static Exception SystemFailure(int error)
    {
        const int NotPermitted = 1, Missing = 2, Denied = 13;
        string text = Marshal.GetPInvokeErrorMessage(error);
        return error switch
        {
            NotPermitted or Denied => new UnauthorizedAccessException(text),
            Missing => new FileNotFoundException(text),
            _ => new IOException(text, error),
        };
    }

    private static MomentException Busy(string path, string operation)
    {
        using SafeFileHandle handle = Open(path, Libc.ReadOnly | Libc.CloseOnExec);
        byte[] note = new byte[LongestNote];
        string[] lines = Encoding.UTF8.GetString(note, 0, RandomAccess.Read(handle, note, 0)).Split('\n');
        string holder = lines.Length >= 3 && DateTimeOffset.TryParse(lines[1], CultureInfo.InvariantCulture, out DateTimeOffset since)
            ? string.Create(CultureInfo.InvariantCulture, $"process {lines[0]} holds it for '{lines[2]}' since {(DateTimeOffset.UtcNow - since).TotalSeconds:F0} seconds")
            : "another process holds it";
        return new MomentException(
            FileErrors.LockBusy,
            $"Cannot begin '{operation}': the lock '{path}' is taken; {holder}.",
            path,
            "Wait until the other command has ended, then run this one again.");
    }
}
