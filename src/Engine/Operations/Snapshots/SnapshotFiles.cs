using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>The files that a snapshot will make or take: where each comes to lie, checked before anything is touched.</summary>
/// <param name="Overlays">The new layer of each disk.</param>
/// <param name="Memory">The file for the memory, or null.</param>
internal sealed record SnapshotFiles(IReadOnlyDictionary<string, string> Overlays, string? Memory)
{
    public const string MemoryExtension = ".memory";

    /// <param name="wish">What is wanted.</param>
    /// <param name="request">The request, for prefix and reuse.</param>
    /// <param name="domain">The machine.</param>
    /// <param name="disks">The disks as they are open now; none for an internal snapshot.</param>
    /// <param name="withMemory">Whether a file for the memory is needed.</param>
    public static SnapshotFiles Plan(SnapshotWish wish, CreateSnapshotRequest request, DomainDocument domain, IEnumerable<SessionDisk> disks, bool withMemory)
    {
        string name = wish.Moment.Key.Name;
        HashSet<string> taken = new(StringComparer.Ordinal);
        Dictionary<string, string> overlays = new(StringComparer.Ordinal);
        // Those that were given first: a name of our own gives way to them.
        foreach ((string disk, (string path, string given)) in wish.Paths)
            Add(disk, path, given, request.ReuseExternal);
        foreach (SessionDisk disk in disks.Where(disk => !overlays.ContainsKey(disk.Name)))
        {
            if (request.Prefix is { } prefix)
                Add(disk.Name, Prefixed(prefix, disk.Path, $"{disk.Name}.{name}.{OverlayFile.Format}"), $"-Prefix for disk '{disk.Name}'", request.ReuseExternal);
            else if (request.ReuseExternal)
                throw SnapshotCreationErrors.ReuseWithoutFile(disk.Name);
            else if (Libc.IsBlockDevice(disk.Path))
                throw SnapshotCreationErrors.NoNameBesideDevice(disk.Name, disk.Path);
            else
                Add(disk.Name, OverlayFile.PathFor(disk.Path, domain.Uuid!.Value, name, taken), $"the new layer of disk '{disk.Name}'", reuse: false);
        }

        if (!withMemory)
            return new SnapshotFiles(overlays, null);
        string beside = disks.Select(disk => disk.Path).FirstOrDefault(path => !Libc.IsBlockDevice(path)) ?? "";
        string memory = wish.MemoryPath
            ?? (request.Prefix is { } start ? Prefixed(start, beside, name + MemoryExtension)
            : beside.Length == 0 ? throw SnapshotCreationErrors.NoMemoryPath(domain.Name)
            : OverlayFile.PathFor(beside, domain.Uuid!.Value, name, MemoryExtension, taken));
        RequireFree(memory, wish.MemoryPath is null ? "the file for the memory" : "-MemoryPath");
        RequireOther(taken, memory, "the file for the memory");
        return new SnapshotFiles(overlays, memory);

        void Add(string disk, string path, string given, bool reuse)
        {
            if (reuse)
                RequireAbsolute(path, given);
            else
                RequireFree(path, given);
            RequireOther(taken, path, given);
            overlays[disk] = path;
        }
    }

    private static string Prefixed(string prefix, string basePath, string name) =>
        prefix.Contains('/', StringComparison.Ordinal) ? prefix + name : Path.Combine(Path.GetDirectoryName(basePath)!, prefix + name);

    private static void RequireAbsolute(string path, string given)
    {
        if (!path.StartsWith('/') || path.EndsWith('/'))
            throw new MomentException(SnapshotCreationErrors.SnapshotPathInvalid, $"Cannot use '{path}' ({given}): it is not the absolute path of a file.", path, "Give the path from the root on.");
    }

    private static void RequireFree(string path, string given)
    {
        RequireAbsolute(path, given);
        string directory = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory))
            throw new MomentException(FileErrors.FileMissing, $"Cannot make '{path}' ({given}): the directory '{directory}' does not exist.", path, "Make the directory, or give another place. Nothing was changed.");
        if (Path.Exists(path))
            throw new MomentException(
                FileErrors.FileExists, $"Cannot make '{path}' ({given}): there is a file of that name already, and none is ever overwritten.", path,
                "Give another name. A layer that was prepared for this is taken with -ReuseExternal.");
    }

    // The same file may be meant by two names of its directory.
    private static void RequireOther(HashSet<string> taken, string path, string given)
    {
        taken.Add(path);
        if (!taken.Add("\0" + FilePath.RealOfNew(path)))
            throw new MomentException(SnapshotCreationErrors.SnapshotPathInvalid, $"Cannot use '{path}' ({given}): another part of the snapshot is to go into the same file.", path, "Give each disk, and the memory, a file of its own.");
    }
}
