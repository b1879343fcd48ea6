namespace MomentTools.Operations.Backups;

/// <summary>
/// The names in a machine's directory: <c>ID</c> is a backup; <c>.ID.partial</c> is being made; <c>.ID.aside</c> is the backup while another
/// directory is put in its place by renames; <c>.ID.removed</c> is one no more.
/// </summary>
internal static class BackupPlaces
{
    public const string AsideSuffix = ".aside";
    public const string RemovedSuffix = ".removed";

    /// <summary>Where a backup lies while its place is taken by another directory.</summary>
    public static string Aside(string directory) => Hidden(directory, AsideSuffix);

    /// <summary>Where a backup lies that is removed, until it is deleted.</summary>
    public static string Removed(string directory) => Hidden(directory, RemovedSuffix);

    /// <summary>The id of the backup in a directory; null where it is none.</summary>
    public static string? IdOf(string directory)
    {
        string name = Path.GetFileName(directory);
        string id = Named(name, AsideSuffix) ?? name;
        return BackupId.IsValid(id) ? id : null;
    }

    /// <summary>Of the directories of a machine's, those that are backups, the oldest first; one that lies aside only where nothing has its place.</summary>
    public static IEnumerable<string> Backups(IEnumerable<string> directories) => directories
        .Where(directory => IdOf(directory) is not null)
        .GroupBy(IdOf, StringComparer.Ordinal)
        .OrderBy(places => places.Key, StringComparer.Ordinal)
        .Select(places => places.MaxBy(directory => Path.GetFileName(directory)[0] != '.')!);

    /// <summary>The directories with such a name, and the places that they had.</summary>
    public static IEnumerable<(string Hidden, string Place)> Find(string domainDirectory, string suffix) =>
        from hidden in Directory.GetDirectories(domainDirectory, ".*" + suffix)
        let id = Named(Path.GetFileName(hidden), suffix)
        where BackupId.IsValid(id)
        select (hidden, Path.Combine(domainDirectory, id));

    private static string Hidden(string directory, string suffix) =>
        Path.Combine(Path.GetDirectoryName(directory)!, '.' + Path.GetFileName(directory) + suffix);

    private static string? Named(string name, string suffix) =>
        name.Length > suffix.Length + 1 && name[0] == '.' && name.EndsWith(suffix, StringComparison.Ordinal) ? name[1..^suffix.Length] : null;
}
