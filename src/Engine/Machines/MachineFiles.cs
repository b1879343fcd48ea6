using MomentTools.Files;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;

namespace MomentTools.Machines;

/// <summary>What a machine that ran has left in its runtime directory.</summary>
internal static class MachineFiles
{
    /// <summary>Removes sockets and pid file of a machine that does not run.</summary>
    public static void Remove(DomainPlace place)
    {
        string[] patterns = [Path.GetFileName(place.PidFile), Path.GetFileName(place.MonitorPath) + "*", PrivateServer.SocketPrefix + "*"];
        try
        {
            foreach (string path in patterns.SelectMany(pattern => Directory.EnumerateFileSystemEntries(place.RuntimeDirectory, pattern)).ToArray())
            {
                // A storage daemon that serves something else of the domain, a backup, goes on.
                if (!IsServed(path))
                    File.Delete(path);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // It never ran, or the host was restarted.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "clear", place.RuntimeDirectory);
        }
    }

    private static bool IsServed(string path) =>
        Path.GetFileName(path).StartsWith(PrivateServer.SocketPrefix, StringComparison.Ordinal) && ListeningSockets.IsTaken(new UnixNbdAddress(path));
}
