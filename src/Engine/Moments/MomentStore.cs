using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>
/// Reads a domain's moments from its state directory and says which files must change for the next state: one file a moment
/// (<see cref="MomentFile"/>), one a branch (<c>branches/NAME.xml</c>: the tips, and which moment is current where it was set), one for what
/// each operation discarded (<c>kept/ID.xml</c>), and <c>disks.xml</c> (layers, ghosts, and which branch is active).
/// </summary>
internal sealed partial class MomentStore(string directory)
{
    // Fewer files are read before a second thread has begun.
    private const int FewFiles = 32;

    private const int MostReaders = 8;

    /// <summary>Where files lie that could not be read and were taken out of use.</summary>
    public const string BrokenFolder = "broken";

    private static readonly IReadOnlyDictionary<string, TrackingPoint> NoPoints = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);

    public SegmentFile Segments { get; } = new(Path.Combine(directory, "segments"));

    /// <summary>
    /// Reads all moments. A file that is broken costs its moment only: it is told once and the rest loads. A point whose parent is missing
    /// then has no path to the others, and answers across it are unknown.
    /// </summary>
    /// <param name="fault">Told each broken file.</param>
    /// <param name="whole">With the domain of each moment, which a list does not need and which is most of the file.</param>
    public DomainMoments Load(Action<MomentException> fault, bool whole = false)
    {
        List<MomentException> faults = [];
        DomainMoments state = DomainGeneration.Steady(directory, () =>
        {
            // Collected first: what is read twice is told once.
            faults.Clear();
            return Read(faults.Add, whole);
        });
        faults.ForEach(fault);
        return state with { Domain = Path.GetFileName(directory) };
    }

    /// <summary>The moment with its domain and all else that its file has.</summary>
    public StoredMoment LoadWhole(StoredMoment moment) => moment.Whole ? moment : MomentFile.Complete(moment, PathOf(moment.Key));

    /// <summary>The file of a moment.</summary>
    public string PathOf(MomentKey key) => Path.Combine(directory, MomentFile.PathOf(key));

    /// <summary>The moments that have a file, without reading it: for completion and for free names.</summary>
    public IReadOnlyList<MomentKey> Keys() => [.. Keys(MomentKind.Checkpoint), .. Keys(MomentKind.Snapshot)];

    /// <summary>
    /// The files that differ between two states, to be written as one. Of a moment whose head alone is known the rest is read from its
    /// file first: nothing is lost by writing it anew.
    /// </summary>
    public FileChanges Difference(DomainMoments from, DomainMoments to)
    {
        var files = new Dictionary<string, string?>(StringComparer.Ordinal);
        ILookup<MomentKey, (string Disk, TrackingPoint Point)> before = PointsByMoment(from), after = PointsByMoment(to);
        foreach ((MomentKey key, StoredMoment moment) in to.Moments)
            if (!from.Moments.TryGetValue(key, out StoredMoment? old) || !ReferenceEquals(old, moment) || !before[key].SequenceEqual(after[key]))
                files[MomentFile.PathOf(key)] = MomentFile.Write(LoadWhole(moment), after[key]);
        foreach (MomentKey key in from.Moments.Keys.Where(key => !to.Moments.ContainsKey(key)))
            files[MomentFile.PathOf(key)] = null;
        foreach (string branch in from.BranchNames.Union(to.BranchNames, StringComparer.Ordinal))
            AddBranch(files, branch, from, to);
        if (!SameDisks(from, to))
            AddIfChanged(files, DisksFile, WriteDisks(from), WriteDisks(to));
        AddKept(files, from, to);
        return new FileChanges(files);
    }

    /// <summary>The same changes, where one moment is described otherwise since and nothing else is.</summary>
    public FileChanges Renew(FileChanges changes, DomainMoments to, MomentKey key) => new(new Dictionary<string, string?>(changes.Files, StringComparer.Ordinal)
    {
        [MomentFile.PathOf(key)] = MomentFile.Write(LoadWhole(to.Moments[key]), PointsByMoment(to)[key]),
    });

    /// <summary>The files of snapshots that were set aside, and may be mended by hand and put back: what only they need is known to nobody.</summary>
    public IReadOnlyList<string> SetAside()
    {
        string folder = Path.Combine(directory, BrokenFolder);
        return !Directory.Exists(folder) ? [] : [.. Directory.EnumerateFiles(folder, MomentFile.FolderOf(MomentKind.Snapshot) + "-*").Order(StringComparer.Ordinal)];
    }

    /// <summary>Removes sidecars that no edge and no block snapshot refers to; the domain's lock must be held and no operation be pending.</summary>
    public void Sweep(DomainMoments state)
    {
        string folder = Path.Combine(directory, "segments");
        // A moment whose file could not be read may be repaired by hand, and refers to sidecars that are not known here; so may one that was set aside, and a branch.
        if (Directory.Exists(Path.Combine(directory, BrokenFolder)))
            return;
        if (!Directory.Exists(folder) || state.BrokenBranches.Count > 0 || Keys().Any(key => !state.Moments.ContainsKey(key)))
            return;
        if (SidecarsOfBlockSnapshots() is not { } used)
            return;
        used.UnionWith(state.Disks.Values.SelectMany(disk => disk.Points.Values).SelectMany(point => point.Sources).Select(source => source.SavedId).OfType<string>());
        Segments.Delete(Directory.EnumerateFiles(folder).Select(Path.GetFileName).OfType<string>().Where(id => !used.Contains(id)));
    }

    private static ILookup<MomentKey, (string Disk, TrackingPoint Point)> PointsByMoment(DomainMoments state) =>
        state.Disks.Values.SelectMany(disk => disk.Points.Values.Where(point => point.Moment is not null).Select(point => (disk.Disk, Point: point)))
            .ToLookup(pair => pair.Point.Moment!);

    private static void AddIfChanged(Dictionary<string, string?> files, string path, string? before, string? after)
    {
        if (!string.Equals(before, after, StringComparison.Ordinal))
            files[path] = after;
    }

    /// <summary>Those of one kind.</summary>
    public IEnumerable<MomentKey> Keys(MomentKind kind)
    {
        string folder = Path.Combine(directory, MomentFile.FolderOf(kind));
        // A folder of such a name is no moment, but is told like every file that cannot be read.
        return !Directory.Exists(folder) ? [] : Directory.EnumerateFileSystemEntries(folder, "*.xml").Where(path => !DurableFile.IsTemporary(path))
            .Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal).Select(name => new MomentKey(kind, name));
    }

    private DomainMoments Read(Action<MomentException> fault, bool whole)
    {
        var moments = new Dictionary<MomentKey, StoredMoment>();
        HashSet<MomentKey> broken = [];
        StoredTracking tracking = ReadTracking(fault);
        IReadOnlyDictionary<string, DiskTracking> disks = tracking.Disks;
        // Collected first and put in once: a copy of the tree for each of thousands of moments would be quadratic.
        var points = disks.Keys.ToDictionary(name => name, name => new Dictionary<string, TrackingPoint>(disks[name].Points, StringComparer.Ordinal), StringComparer.Ordinal);
        IReadOnlyList<MomentKey> keys = Keys();
        object[] read = ReadMoments(keys, whole);
        for (int index = 0; index < read.Length; index++)
        {
            MomentKey key = keys[index];
            var content = read[index] as MomentFileContent;
            MomentException? problem = read[index] as MomentException;
            foreach ((string disk, TrackingPoint point) in content?.Points ?? NoPoints)
                if (points.TryGetValue(disk, out Dictionary<string, TrackingPoint>? known) && known.ContainsKey(point.Id))
                    problem = new MomentException(MomentErrors.MomentFileInvalid, $"The file '{PathOf(key)}' names the point '{point.Id}' of disk '{disk}', which another file has already.", PathOf(key), "One of the two is a copy; remove it.");
            if (content is null || problem is not null)
            {
                broken.Add(key);
                fault(problem!);
                continue;
            }

            moments[key] = content.Moment;
            foreach ((string disk, TrackingPoint point) in content.Points)
                points.GetValueOrDefault(disk)?.Add(point.Id, point);
        }

        return tracking.ToMoments() with
        {
            Moments = moments,
            Broken = broken,
            Disks = disks.Values.ToDictionary(disk => disk.Disk, disk => disk with { Points = points[disk.Disk] }, StringComparer.Ordinal),
        };
    }

    // Of each what its file says, or the error. Plain tasks: the framework's parallel loops are compiled anew in each process.
    private object[] ReadMoments(IReadOnlyList<MomentKey> keys, bool whole)
    {
        object[] read = new object[keys.Count];
        int next = -1;
        int others = keys.Count < FewFiles ? 0 : Math.Min(Environment.ProcessorCount, MostReaders) - 1;
        Task[] tasks = [.. Enumerable.Range(0, others).Select(_ => Task.Run(ReadSome))];
        ReadSome();
        Task.WaitAll(tasks);
        return read;

        void ReadSome()
        {
            HeadReader heads = MomentFile.Heads();
            for (int index; (index = Interlocked.Increment(ref next)) < read.Length;)
                read[index] = ReadOne(heads, keys[index], whole);
        }
    }

    private object ReadOne(HeadReader heads, MomentKey key, bool whole)
    {
        try
        {
            return whole ? MomentFile.Read(PathOf(key), key) : MomentFile.ReadHead(heads, PathOf(key), key);
        }
        catch (MomentException failure)
        {
            return failure;
        }
    }
}
