using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>A backup whose manifest cannot be read. It is not known what it is, but its images may still say what they stand on.</summary>
/// <param name="Id">Its id, which is its directory's name.</param>
/// <param name="Directory">Its directory.</param>
/// <param name="Failure">Why its manifest cannot be used.</param>
/// <param name="Size">Bytes of all its files.</param>
/// <param name="StandsOn">The ids of the backups that its images name as their backing files; null where an image cannot be read either.</param>
internal sealed record BrokenBackup(string Id, string Directory, MomentException Failure, long Size, IReadOnlySet<string>? StandsOn)
{
    /// <summary>Whether it stands on a backup, as far as can be known: on an older one perhaps, where its images do not say.</summary>
    public bool MayStandOn(BackupManifest backup) => backup.Kind != VMBackupKind.Copy && MayStandOn(backup.Id);

    /// <summary>The same of a backup of which nothing but its id is known.</summary>
    public bool MayStandOn(string id) => id != Id && (StandsOn?.Contains(id) ?? string.CompareOrdinal(id, Id) < 0);

    /// <param name="failure">What reading its manifest failed with; the manifest's path is its target.</param>
    public static async Task<BrokenBackup> LookAsync(MomentException failure, CancellationToken cancellation)
    {
        string directory = Path.GetDirectoryName(failure.Target)!;
        return new BrokenBackup(BackupPlaces.IdOf(directory)!, directory, failure, SizeOf(directory), await BackingsAsync(directory, cancellation));
    }

    private static long SizeOf(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFiles().Sum(file => file.Length);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What it takes cannot be told; that is no reason to say nothing of it.
            return 0;
        }
    }

    private static async Task<IReadOnlySet<string>?> BackingsAsync(string directory, CancellationToken cancellation)
    {
        HashSet<string> ids = new(StringComparer.Ordinal);
        try
        {
            foreach (string image in System.IO.Directory.EnumerateFiles(directory, BackupManifestRules.FileName("*")))
            {
                // Where it names a file elsewhere, none of these backups is it.
                if ((await DiskChain.HeaderAsync(image, cancellation)).BackingFile is { } name
                    && Path.GetDirectoryName(Path.GetFullPath(BackingName.Resolve(image, name))) is { } below && Path.GetDirectoryName(below) == Path.GetDirectoryName(directory))
                    ids.Add(Path.GetFileName(below));
            }

            return ids;
        }
        catch (Exception failure) when (failure is MomentException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
