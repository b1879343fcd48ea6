using System.Runtime.InteropServices;
using MomentTools.Files;

namespace MomentTools.Tests.Support;

/// <summary>
/// A process that is held between its making and the beginning of its program, when it still has all files open that this process has: it
/// waits for somebody to write to a pipe.
/// </summary>
internal sealed partial class HalfStarted : IDisposable
{
    private const int Room = 512, Descriptor = 200;

    private readonly Thread _starting;
    private readonly string _pipe;

    public HalfStarted(ScratchDirectory scratch)
    {
        _pipe = scratch["pipe"];
        Tool.Run("mkfifo", _pipe);
        // It returns when the program has begun.
        _starting = new Thread(Start);
        _starting.Start();
    }

    public void Dispose()
    {
        File.OpenHandle(_pipe, FileMode.Open, FileAccess.Write).Dispose();
        _starting.Join();
    }

    private void Start()
    {
        nint actions = Marshal.AllocHGlobal(Room), none = Marshal.AllocHGlobal(2 * nint.Size), name = Marshal.StringToHGlobalAnsi("true");
        try
        {
            Marshal.WriteIntPtr(none, 0);
            Marshal.WriteIntPtr(none, nint.Size, 0);
            _ = Initialize(actions);
            _ = AddOpen(actions, Descriptor, _pipe, Libc.ReadOnly, 0);
            nint arguments = Marshal.AllocHGlobal(2 * nint.Size);
            Marshal.WriteIntPtr(arguments, name);
            Marshal.WriteIntPtr(arguments, nint.Size, 0);
            if (Spawn(out int id, Tool.Find("true")!, actions, 0, arguments, none) == 0)
                _ = Wait(id, 0, 0);
            Marshal.FreeHGlobal(arguments);
        }
        finally
        {
            Marshal.FreeHGlobal(actions);
            Marshal.FreeHGlobal(none);
            Marshal.FreeHGlobal(name);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Initialize(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int AddOpen(nint actions, int descriptor, string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Spawn(out int id, string program, nint actions, nint attributes, nint arguments, nint environment);

    [LibraryImport("libc", EntryPoint = "waitpid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Wait(int id, nint status, int options);
}
