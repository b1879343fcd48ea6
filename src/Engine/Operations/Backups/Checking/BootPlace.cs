using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations.Backups.Restoring;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// Where a machine lives that is started for a test: a directory of its own beside those of the domains, which nobody takes for a domain.
/// Disposing it ends the machine and removes all of it.
/// </summary>
internal sealed class BootPlace : IAsyncDisposable
{
    private const string Folder = "boot";
    private const string OwnerName = "owner";

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Young = TimeSpan.FromMinutes(1);

    private BootPlace(DomainPlace place) => Place = place;

    public DomainPlace Place { get; }

    /// <summary>Makes the directory, after what tests that were killed have left was removed.</summary>
    public static async Task<BootPlace> MakeAsync(string stateRoot, string runtimeRoot)
    {
        string folder = Path.Combine(stateRoot, Folder);
        PrivateDirectory.Make(folder);
        foreach (string old in Directory.GetDirectories(folder).Where(IsAbandoned))
            await new BootPlace(PlaceOf(old, runtimeRoot)).DisposeAsync();
        string directory = Path.Combine(folder, Guid.NewGuid().ToString("N")[..8]);
        PrivateDirectory.Make(directory);
        StagingOwner.Current().Write(Path.Combine(directory, OwnerName));
        return new BootPlace(PlaceOf(directory, runtimeRoot));
    }

    public async ValueTask DisposeAsync()
    {
        await StorageDaemon.EndOrphansAsync(Place.RuntimeDirectory, CancellationToken.None);
        foreach (HostProcess process in InstantUndo.Machines(Place))
        {
            // Its disks are thrown away.
            process.Signal(HostProcess.Kill);
            if (!await process.EndsWithinAsync(EndLimit, CancellationToken.None))
                throw new MomentException(MachineErrors.VMStuck, $"Process {process.Id} ({process.Name}) of a test does not end, not even when it is killed.", process.Name, "Its storage may hang. See the system's log.");
        }

        foreach (string directory in (string[])[Place.RuntimeDirectory, Place.StateDirectory])
        {
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (DirectoryNotFoundException)
            {
                // It never started.
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw FileErrors.From(failure, "remove", directory);
            }
        }
    }

    private static DomainPlace PlaceOf(string directory, string runtimeRoot)
    {
        string name = Folder + Path.GetFileName(directory);
        return new DomainPlace(name, directory, Path.Combine(runtimeRoot, name));
    }

    private static bool IsAbandoned(string directory)
    {
        string owner = Path.Combine(directory, OwnerName);
        return File.Exists(owner) && StagingOwner.Read(owner) is { } maker ? maker.IsGone() : Directory.GetCreationTimeUtc(directory) < DateTime.UtcNow - Young;
    }
}
