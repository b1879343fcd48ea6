using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// Reading without the lock. A backup is replaced and removed at one instant, but a reader looks at many files one after the other: where it
/// fails and the backups are not those any more that they were when it began, it begins again.
/// </summary>
internal static class RepositoryReading
{
    private const int MostAttempts = 10;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <param name="domainDirectory">The machine's directory.</param>
    /// <param name="read">Reads, from the manifests on; it leaves nothing where it fails.</param>
    public static async Task<T> RunAsync<T>(string domainDirectory, Func<Task<T>> read, IOperationReport report, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            string before = Places(domainDirectory);
            try
            {
                return await read();
            }
            catch (MomentException failure) when (attempt < MostAttempts && failure.Kind is ErrorKind.CorruptData or ErrorKind.NotFound or ErrorKind.Refused && Places(domainDirectory) != before)
            {
                report.Verbose($"The backups in '{domainDirectory}' were changed while they were read, which begins again: {failure.Message}");
                await Task.Delay(Pause, cancellation);
            }
        }
    }

    // A backup that is replaced is another directory under the same name.
    private static string Places(string domainDirectory)
    {
        try
        {
            return string.Join('\n', Directory.GetDirectories(domainDirectory).Where(path => BackupPlaces.IdOf(path) is not null).Order(StringComparer.Ordinal)
                .Select(path => $"{Path.GetFileName(path)} {FileStamp.Of(path)}"));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "list", domainDirectory);
        }
    }
}
