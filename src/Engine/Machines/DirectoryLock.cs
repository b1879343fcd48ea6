using System.Runtime.InteropServices;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>Keeps other processes from adding or removing domains for the moment that this one does (flock(2) of the directory).</summary>
internal sealed class DirectoryLock : IDisposable
{
    private const int LookMilliseconds = 5;
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(10);

    private readonly int _descriptor;

    private DirectoryLock(int descriptor) => _descriptor = descriptor;

    /// <param name="directory">The directory.</param>
    /// <param name="patience">How long another process is waited for; null: ten seconds.</param>
    public static DirectoryLock Take(string directory, TimeSpan? patience = null)
    {
        TimeSpan limit = patience ?? Usual;
        int descriptor = Libc.Open(directory, Libc.ReadOnly | Libc.Directory | Libc.CloseOnExec);
        if (descriptor < 0)
            throw FileErrors.From(new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()), "open", directory);
        long start = Environment.TickCount64;
        while (Libc.Lock(descriptor, Libc.LockExclusive | Libc.LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is Libc.WouldBlock or Libc.Interrupted && Environment.TickCount64 - start < limit.TotalMilliseconds)
            {
                Thread.Sleep(LookMilliseconds);
                continue;
            }

            string words = Marshal.GetLastPInvokeErrorMessage();
            _ = Libc.Close(descriptor);
            throw error == Libc.WouldBlock
                ? new MomentException(MachineErrors.VMCatalogueBusy, $"Another process has been changing the list of domains in '{directory}' for longer than {limit.TotalSeconds:0.###} s.", directory, "Run the command again when the other one is done.")
                : FileErrors.From(new IOException(words, error), "lock", directory);
        }

        return new DirectoryLock(descriptor);
    }

    public void Dispose()
    {
        // A process that another thread is starting has a copy of the descriptor, and with it the lock, until it begins its program.
        _ = Libc.Lock(_descriptor, Libc.Unlock);
        _ = Libc.Close(_descriptor);
    }
}
