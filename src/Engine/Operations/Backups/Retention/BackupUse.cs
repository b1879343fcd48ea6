using System.Globalization;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Serving;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// Who uses a machine's backups now: block exports of them, processes of this host that have their files open, QEMU anywhere by its image locks, and
/// images of registered domains that stand on them.
/// </summary>
internal sealed class BackupUse(DomainCatalogue catalogue)
{
    // QEMU's block/file-posix.c: shared locks on 100 + n say what it does with an image, those on 200 + n what nobody else may.
    private const int FirstLock = 100;
    private const int LockRange = 104;

    /// <summary>For the id of each backup that is used: by whom, as a part of a sentence.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="domainDirectory">The machine's directory in it.</param>
    /// <param name="report">Told what could not be looked at.</param>
    /// <param name="cancellation">Stops the look.</param>
    public async Task<IReadOnlyDictionary<string, string>> FindAsync(string root, string domainDirectory, IOperationReport report, CancellationToken cancellation)
    {
        Dictionary<string, string> uses = new(StringComparer.Ordinal);
        Dictionary<int, string> daemons = Exports(root, uses);
        Open(FilePath.Real(domainDirectory), daemons, uses);
        (string Id, string Path)[] images = Images(domainDirectory);
        foreach ((string id, string path) in images)
            if (!uses.ContainsKey(id) && IsLocked(path))
                uses.Add(id, "a QEMU that this host or this user does not see");
        await StandingAsync(domainDirectory, images, uses, report, cancellation);
        return uses;
    }

    // Whose daemon is dead serves nothing, whatever its record says.
    private Dictionary<int, string> Exports(string root, Dictionary<string, string> uses)
    {
        Dictionary<int, string> daemons = [];
        foreach (string directory in catalogue.Directories())
        {
            foreach (BlockExportRecord record in new ServiceRecords(directory).Exports(_ => { }))
            {
                if (record is not { BackupId: { } id, Repository: { } repository, Source: { } source } || !FilePath.IsSame(repository, root) || !ServingDaemon.IsAlive(source))
                    continue;
                daemons[source.ProcessId] = $"a block export of '{Path.GetFileName(directory)}'";
                uses.TryAdd(id, daemons[source.ProcessId]);
            }
        }

        return daemons;
    }

    private static void Open(string domainDirectory, Dictionary<int, string> daemons, Dictionary<string, string> uses)
    {
        foreach ((HostProcess process, string path) in ImageHolders.Below(domainDirectory))
        {
            string id = Path.GetRelativePath(domainDirectory, path).Split(Path.DirectorySeparatorChar)[0];
            if (BackupId.IsValid(id))
                uses.TryAdd(id, daemons.GetValueOrDefault(process.Id) ?? string.Create(CultureInfo.InvariantCulture, $"{process.Name} (process {process.Id})"));
        }
    }

    private static (string Id, string Path)[] Images(string domainDirectory)
    {
        try
        {
            return
            [
                .. from directory in Directory.GetDirectories(domainDirectory)
                   let id = Path.GetFileName(directory)
                   where BackupId.IsValid(id)
                   from path in Directory.GetFiles(directory, BackupManifestRules.FileName("*"))
                   select (id, path),
            ];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "list the images in", domainDirectory);
        }
    }

    // Nothing of ours is a device, and opening one may do anything.
    private static bool IsLocked(string path) => PlainFile.WhyNot(path) is null && Libc.IsKnownLocked(path, FirstLock, LockRange);

    // Who stands on a backup stands on all beneath it, too: what is frozen for a machine must not be exchanged under it.
    private async Task StandingAsync(string domainDirectory, (string Id, string Path)[] images, Dictionary<string, string> uses, IOperationReport report, CancellationToken cancellation)
    {
        ImageGraph graph = await new Dependencies(catalogue).ScanAsync(DomainMoments.Empty, cancellation);
        foreach (string doubt in graph.Doubts)
            report.Warning($"Whether a registered machine stands on the backups in '{domainDirectory}' cannot be told for sure: {doubt}.");
        Dictionary<(ulong, ulong), string> ids = [];
        foreach ((string id, string path) in images)
            if (FileStamp.Of(path) is { } stamp)
                ids[(stamp.Device, stamp.Inode)] = id;
        foreach (ImageLink image in graph.Links.Where(link => !ids.ContainsKey((link.Stamp.Device, link.Stamp.Inode))))
            foreach (string id in Beneath(graph, image).Select(link => ids.GetValueOrDefault((link.Stamp.Device, link.Stamp.Inode))).OfType<string>())
                uses.TryAdd(id, $"the image '{image.Path}' of a registered machine, which stands on it");
    }

    private static HashSet<ImageLink> Beneath(ImageGraph graph, ImageLink image)
    {
        HashSet<ImageLink> seen = [];
        Queue<ImageLink> next = new([image]);
        while (next.TryDequeue(out ImageLink? link))
            foreach (ImageLink below in link.Below.Select(graph.Find).OfType<ImageLink>())
                if (seen.Add(below))
                    next.Enqueue(below);
        return seen;
    }
}
