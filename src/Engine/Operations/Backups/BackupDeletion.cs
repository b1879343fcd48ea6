using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// The one way in which a backup goes: a rename takes its name away at one instant, then its files are deleted. Who removes it has seen to it
/// that no other stands on it, and holds the lock of the machine's directory.
/// </summary>
internal static class BackupDeletion
{
    /// <param name="directory">The backup's directory.</param>
    /// <param name="probe">Called at each step with its name; tests kill the process there.</param>
    public static void Run(string directory, Action<string>? probe)
    {
        string removed = BackupPlaces.Removed(directory);
        Delete(removed);
        // What it was before it was rewritten would else get the name that becomes free.
        Delete(BackupPlaces.Aside(directory));
        DurableFile.Move(directory, removed);
        probe?.Invoke("backup-removal:renamed");
        Delete(removed);
        probe?.Invoke("backup-removal:deleted");
    }

    /// <summary>Deletes a directory that is no backup, or no more one.</summary>
    public static void Delete(string directory)
    {
        try
        {
            if (Directory.Exists(directory))
                Directory.Delete(directory, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "delete what was a backup in", directory);
        }
    }
}
