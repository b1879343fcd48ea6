using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// What commands that died left in a machine's directory, brought in order by whoever changes it next. None of it decides what a backup
/// holds: each has one whole directory at every instant, and what lies beside is given its name back or deleted.
/// </summary>
internal static class RepositoryRecovery
{
    /// <param name="domainDirectory">The machine's directory, whose lock must be held.</param>
    public static void Run(string domainDirectory, IOperationReport report)
    {
        // A backup without its name comes before rubbish, and is an error where it cannot get it back.
        try
        {
            foreach ((string aside, string place) in BackupPlaces.Find(domainDirectory, BackupPlaces.AsideSuffix))
            {
                if (DirectoryExchange.Recover(place, aside))
                    report.Warning($"The backup '{place}' is in its place again, which it had lost to a command that was interrupted.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "look for interrupted changes in", domainDirectory);
        }

        BackupStaging.RemoveAbandoned(domainDirectory, report);
        Delete(domainDirectory, BackupPlaces.AsideSuffix, report);
        Delete(domainDirectory, BackupPlaces.RemovedSuffix, report);
    }

    private static void Delete(string domainDirectory, string suffix, IOperationReport report)
    {
        try
        {
            foreach ((string hidden, _) in BackupPlaces.Find(domainDirectory, suffix))
            {
                BackupDeletion.Delete(hidden);
                report.Verbose($"Removed '{hidden}', which a command that was interrupted had left.");
            }
        }
        catch (Exception failure) when (failure is MomentException or IOException or UnauthorizedAccessException)
        {
            // Rubbish that cannot be removed is no reason to do nothing.
            report.Warning($"Cannot remove what interrupted commands left in '{domainDirectory}': {failure.Message}");
        }
    }
}
