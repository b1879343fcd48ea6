using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What a request for a block snapshot asks for, with every rule checked that needs no machine.</summary>
/// <param name="Name">Its name, which is free.</param>
/// <param name="Disks">The disks that take part, in the domain's order.</param>
/// <param name="Request">The request.</param>
/// <param name="Given">The scratch files that were given, by disk, each with the words by which it was given.</param>
internal sealed record BlockSnapshotWish(
    string Name, IReadOnlyList<DomainDisk> Disks, CreateBlockSnapshotRequest Request, IReadOnlyDictionary<string, (string Path, string Words)> Given)
{
    /// <summary>How the name of the file goes on that lies beside a scratch file for a moment.</summary>
    public const string ViewExtension = ".view";

    private const string Extension = ".scratch.qcow2";

    // Header, tables, and a first cluster.
    private const long LeastLimit = 1 << 20;

    /// <summary>The block snapshots whose owner has ended: their names and files are free, once they are swept.</summary>
    private IReadOnlyList<VMBlockSnapshot> Ended { get; init; } = [];

    /// <exception cref="MomentException">A name that is taken or not allowed; disks that are unknown, named twice, or cannot take part; files that cannot be.</exception>
    public static BlockSnapshotWish Of(ChangeScope scope, CreateBlockSnapshotRequest request) => Of(scope.Place, scope.Domain, request, []);

    /// <summary>The same before anything is swept.</summary>
    /// <param name="place">The domain.</param>
    /// <param name="domain">Its document.</param>
    /// <param name="request">The request.</param>
    /// <param name="ended">The block snapshots that will be swept.</param>
    public static BlockSnapshotWish Of(DomainPlace place, DomainDocument domain, CreateBlockSnapshotRequest request, IReadOnlyList<VMBlockSnapshot> ended)
    {
        BlockSnapshotDocument? document = request switch
        {
            { XmlPath: { } path } => BlockSnapshotDocument.Load(path),
            { Xml: { } xml } => BlockSnapshotDocument.Parse(xml, XmlErrors.Given),
            _ => null,
        };
        string name = request.Name ?? document?.Name ?? DateTimeOffset.UtcNow.ToString("'bs-'yyyyMMdd'-'HHmmss'-'fff", CultureInfo.InvariantCulture);
        MomentNames.CheckBlockSnapshot(name);
        if (new ServiceRecords(place.StateDirectory).SnapshotNames.Contains(name, StringComparer.Ordinal) && ended.All(one => one.Name != name))
            throw ServingErrors.Exists(place.Name, name);
        if (request.ScratchLimit is { } limit && limit < LeastLimit)
            throw BlockSnapshotErrors.Limit(limit, LeastLimit);
        DomainDisk[] disks = Covered(domain, name, document is null ? request.Disks : [.. document.Disks.Select(disk => disk.Name)]);
        Dictionary<string, (string Path, string Words)> given = new(StringComparer.Ordinal);
        foreach (BlockSnapshotDocumentDisk disk in document?.Disks ?? [])
            if (disk.ScratchFile is { } file)
                given[DiskNaming.Require(disk.Name, domain).Target] = (file, $"<scratch> of disk '{disk.Name}'");
        foreach ((string disk, string path) in request.Scratch)
        {
            string target = DiskNaming.Require(disk, domain).Target;
            given[target] = disks.Any(one => one.Target == target) ? (path, $"-Scratch for disk '{disk}'") : throw BlockSnapshotErrors.ScratchOfNothing(disk, path);
        }

        return new BlockSnapshotWish(name, disks, request, given) { Ended = ended };
    }

    /// <summary>Where each disk's scratch file comes to lie; none of the files is there yet.</summary>
    /// <param name="domain">The domain's UUID, part of the names.</param>
    /// <param name="images">The image that each disk is on now.</param>
    public IReadOnlyDictionary<string, string> ScratchFiles(Guid domain, IReadOnlyDictionary<string, string> images)
    {
        HashSet<string> taken = new(StringComparer.Ordinal);
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        // Those that were given first: a name of our own gives way to them.
        foreach ((string disk, (string path, string words)) in Given)
            Add(disk, path, words);
        foreach (DomainDisk disk in Disks.Where(disk => !files.ContainsKey(disk.Target)))
        {
            string image = images[disk.Target], words = $"the scratch file of disk '{disk.Target}'";
            if (Request.ScratchDirectory is { } directory)
                image = Path.Combine(RequireAbsolute(directory, "-ScratchDirectory"), Path.GetFileName(image));
            else if (Libc.IsBlockDevice(image))
                throw BlockSnapshotErrors.NoScratchBesideDevice(disk.Target, image);
            Add(disk.Target, OverlayFile.PathFor(image, domain, Name, Extension, taken), words);
        }

        return files;

        void Add(string disk, string path, string words)
        {
            RequireAbsolute(path, words);
            string directory = Path.GetDirectoryName(path) ?? throw BlockSnapshotErrors.ScratchPath(path, words, "it is not the absolute path of a file");
            if (!Directory.Exists(directory))
                throw BlockSnapshotErrors.NoScratchDirectory(path, words, directory);
            foreach (string file in (string[])[path, path + ViewExtension])
                if (path.EndsWith('/') || (Path.Exists(file) && !Ended.SelectMany(one => one.Disks).Any(one => one.ScratchPath == file)))
                    throw BlockSnapshotErrors.ScratchExists(file, words);
            // The same file may be meant by two names of its directory.
            if (!taken.Add("\0" + FilePath.RealOfNew(path)))
                throw BlockSnapshotErrors.ScratchPath(path, words, "another disk is to use the same one");
            taken.Add(path);
            files[disk] = path;
        }
    }

    private static string RequireAbsolute(string path, string words) =>
        path.StartsWith('/') ? path : throw BlockSnapshotErrors.ScratchPath(path, words, "it is not an absolute path");

    private static DomainDisk[] Covered(DomainDocument domain, string name, IReadOnlyList<string> named)
    {
        HashSet<string> targets = new(StringComparer.Ordinal);
        foreach (string disk in named)
            if (!targets.Add(DiskNaming.Require(disk, domain).Target))
                throw BlockSnapshotErrors.DiskTwice(name, disk);
        DomainDisk[] covered = [.. domain.Disks.Where(disk => named.Count > 0 ? targets.Contains(disk.Target) : disk is { HasOwnContent: true, Device: "disk" })];
        foreach (DomainDisk disk in covered)
            if (SnapshotAlignment.WhyNot(disk, SnapshotMode.External) is { } why)
                throw BlockSnapshotErrors.DiskUnsupported(name, disk.Target, why);
        return covered.Length > 0 ? covered : throw BlockSnapshotErrors.WithoutDisk(domain.Name, name);
    }
}
