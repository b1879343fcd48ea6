using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace MomentTools.Tests.Support;

/// <summary>What a user meets who may not: on a thread of its own that has nobody's rights to files, where the tests run as root; with their own otherwise.</summary>
internal static partial class NobodysRights
{
    private const uint Nobody = 65534;

    /// <summary>Runs it to its end, on that thread as far as nothing is waited for; what it throws is thrown.</summary>
    public static void Run(Func<Task> act)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            // Of this thread alone, and the capabilities that overrule file modes go with it.
            _ = SetFileUser(Nobody);
            try
            {
                act().GetAwaiter().GetResult();
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetFileUser(uint user);
}
