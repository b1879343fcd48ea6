using System.Globalization;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>
/// Reads a domain's moments from its state directory and says which files must change for the next state. One file a moment
/// (<c>checkpoints/NAME.xml</c>: libvirt's document and one element of ours with the moment's point on each disk), one a branch
/// (<c>branches/NAME.xml</c>: the tips), and <c>disks.xml</c> (layers, ghosts).
/// </summary>
internal sealed class MomentStore(string directory)
{
    private const string BranchFile = "branches/" + DiskTracking.MainBranch + ".xml";
    private const string DisksFile = "disks.xml";
    private const string CheckpointFolder = "checkpoints";

    public SegmentFile Segments { get; } = new(Path.Combine(directory, "segments"));

    /// <summary>
    /// Reads everything. A file that is broken costs its moment only: it is told once and the rest loads. A point whose parent is missing
    /// then has no path to the others, and answers across it are unknown.
    /// </summary>
    public DomainMoments Load(Action<MomentException> fault)
    {
        (DomainMoments state, List<MomentException> faults) = DomainGeneration.Steady(directory, () =>
        {
            // Collected first: what is read twice is told once.
            List<MomentException> found = [];
            return (Read(found.Add), found);
        });
        faults.ForEach(fault);
        return state;
    }

    /// <summary>The names of the checkpoint files, without reading them: for completion and for free names.</summary>
    public IReadOnlyList<string> CheckpointNames()
    {
        string folder = Path.Combine(directory, CheckpointFolder);
        return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder, "*.xml").Where(path => !DurableFile.IsTemporary(path)).Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal)!] : [];
    }

    /// <summary>The files that differ between two states, to be written as one.</summary>
    public static FileChanges Difference(DomainMoments from, DomainMoments to)
    {
        var files = new Dictionary<string, string?>(StringComparer.Ordinal);
        ILookup<MomentKey, (string Disk, TrackingPoint Point)> before = PointsByMoment(from), after = PointsByMoment(to);
        foreach ((MomentKey key, StoredMoment moment) in to.Moments)
            if (!from.Moments.TryGetValue(key, out StoredMoment? old) || !ReferenceEquals(old, moment) || !before[key].SequenceEqual(after[key]))
                files[FileOf(key)] = WriteMoment(moment, after[key]);
        foreach (MomentKey key in from.Moments.Keys.Where(key => !to.Moments.ContainsKey(key)))
            files[FileOf(key)] = null;
        AddIfChanged(files, BranchFile, WriteBranch(from), WriteBranch(to));
        AddIfChanged(files, DisksFile, WriteDisks(from), WriteDisks(to));
        return new FileChanges(files);
    }

    /// <summary>Removes sidecars that no edge refers to; the domain's lock must be held and no operation be pending.</summary>
    public void Sweep(DomainMoments state)
    {
        string folder = Path.Combine(directory, "segments");
        // A moment whose file could not be read may be repaired by hand, and refers to sidecars that are not known here.
        if (!Directory.Exists(folder) || CheckpointNames().Any(name => !state.Moments.ContainsKey(new MomentKey(MomentKind.Checkpoint, name))))
            return;
        HashSet<string> used = [.. state.Disks.Values.SelectMany(disk => disk.Points.Values).SelectMany(point => point.Sources).Select(source => source switch
        {
            SegmentSource.Bitmap bitmap => bitmap.SidecarId,
            SegmentSource.Sidecar sidecar => sidecar.SidecarId,
            _ => null,
        }).OfType<string>()];
        Segments.Delete(Directory.EnumerateFiles(folder).Select(Path.GetFileName).OfType<string>().Where(id => !used.Contains(id)));
    }

    private static string FileOf(MomentKey key) => $"{CheckpointFolder}/{key.Name}.xml";

    private static ILookup<MomentKey, (string Disk, TrackingPoint Point)> PointsByMoment(DomainMoments state) =>
        state.Disks.Values.SelectMany(disk => disk.Points.Values.Where(point => point.Moment is not null).Select(point => (disk.Disk, Point: point)))
            .ToLookup(pair => pair.Point.Moment!.Value);

    private static void AddIfChanged(Dictionary<string, string?> files, string path, string? before, string? after)
    {
        if (!string.Equals(before, after, StringComparison.Ordinal))
            files[path] = after;
    }

    private static string WriteMoment(StoredMoment moment, IEnumerable<(string Disk, TrackingPoint Point)> points)
    {
        var extension = new XElement(TrackingXml.Name("moment"),
            new XAttribute("id", moment.Id),
            new XAttribute("created", moment.Created.ToString("O", CultureInfo.InvariantCulture)),
            moment.Repository is null ? null : new XAttribute("repository", moment.Repository),
            moment.Group is null ? null : new XAttribute("group", moment.Group),
            points.Select(pair => new XElement(TrackingXml.Name("disk"), new XAttribute("name", pair.Disk), TrackingXml.Write(pair.Point))));
        return (moment.Document with { Extension = extension }).ToXml(secure: true, includeExtension: true);
    }

    private static string? WriteBranch(DomainMoments state)
    {
        var tips = state.Disks.Values.Where(disk => disk.Tips.ContainsKey(DiskTracking.MainBranch))
            .Select(disk => (disk.Disk, Tip: disk.Tips[DiskTracking.MainBranch], Point: disk.Points[disk.Tips[DiskTracking.MainBranch].PointId])).ToList();
        return tips.Count == 0 ? null : XmlOutput.Write(new XElement(TrackingXml.Name("branch"),
            new XAttribute("name", DiskTracking.MainBranch),
            tips.Select(tip => new XElement(TrackingXml.Name("disk"),
                new XAttribute("name", tip.Disk),
                new XAttribute("layer", tip.Tip.LayerId),
                new XAttribute("recording", tip.Tip.Recording),
                TrackingXml.Write(tip.Point)))), "branch");
    }

    private static string? WriteDisks(DomainMoments state) => state.Disks.Count == 0 ? null : XmlOutput.Write(new XElement(TrackingXml.Name("disks"),
        state.Disks.Values.Select(disk => new XElement(TrackingXml.Name("disk"),
            new XAttribute("name", disk.Disk),
            disk.Layers.Values.Select(TrackingXml.Write),
            disk.Points.Values.Where(point => point.Moment is null && disk.Tips.Values.All(tip => tip.PointId != point.Id))
                .Select(ghost => new XElement(TrackingXml.Name("ghost"), TrackingXml.Write(ghost)))))), "disks");

    private DomainMoments Read(Action<MomentException> fault)
    {
        var disks = new Dictionary<string, DiskTracking>(StringComparer.Ordinal);
        var moments = new Dictionary<MomentKey, StoredMoment>();
        ReadOwn(DisksFile, "disks", ReadDisk, disks);
        ReadOwn(BranchFile, "branch", ReadTip, disks);
        // Collected first and put in once: a copy of the tree for each of thousands of moments would be quadratic.
        var points = disks.Keys.ToDictionary(name => name, name => new Dictionary<string, TrackingPoint>(disks[name].Points, StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (string name in CheckpointNames())
        {
            try
            {
                string path = Path.Combine(directory, CheckpointFolder, name + ".xml");
                (StoredMoment moment, List<(string Disk, TrackingPoint Point)> own) = ReadMoment(path, name);
                foreach ((string disk, TrackingPoint point) in own)
                    if (own.Count(one => one.Disk == disk) > 1)
                        throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' names disk '{disk}' more than once.", path, "The file was changed by hand; put it back, or remove it.");
                    else if (points.TryGetValue(disk, out Dictionary<string, TrackingPoint>? known) && known.ContainsKey(point.Id))
                        throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' names the point '{point.Id}' of disk '{disk}', which another file has already.", path, "One of the two is a copy; remove it.");
                moments[moment.Key] = moment;
                foreach ((string disk, TrackingPoint point) in own)
                    points.GetValueOrDefault(disk)?.Add(point.Id, point);
            }
            catch (MomentException failure)
            {
                fault(failure);
            }
        }

        return new DomainMoments
        {
            Moments = moments,
            Disks = disks.Values.ToDictionary(disk => disk.Disk, disk => disk with { Points = points[disk.Disk] }, StringComparer.Ordinal),
        };
    }

    // These two say what is recorded where: without them nothing may be changed, so a broken one is an error, not a loss.
    private void ReadOwn(string relative, string root, Action<XElement, Dictionary<string, DiskTracking>, XmlCheck> readDisk, Dictionary<string, DiskTracking> disks)
    {
        string path = Path.Combine(directory, relative);
        if (!File.Exists(path))
            return;
        var check = new XmlCheck(path);
        XElement element = XmlSource.ReadFile(path).Root!;
        if (element.Name != TrackingXml.Name(root))
            throw check.Broken(element, $"the root element must be <{root}> of {XmlNames.Moments}");
        foreach (XElement disk in element.Elements(TrackingXml.Name("disk")))
            readDisk(disk, disks, check);
    }

    private static void ReadDisk(XElement element, Dictionary<string, DiskTracking> disks, XmlCheck check)
    {
        string name = check.Required(element, "name");
        disks[name] = new DiskTracking
        {
            Disk = name,
            Layers = element.Elements(TrackingXml.Name("layer")).Select(layer => TrackingXml.ReadLayer(layer, check)).ToDictionary(layer => layer.Id, StringComparer.Ordinal),
            Points = element.Elements(TrackingXml.Name("ghost")).Select(ghost => TrackingXml.ReadPoint(ghost, null, check)).ToDictionary(point => point.Id, StringComparer.Ordinal),
        };
    }

    private static void ReadTip(XElement element, Dictionary<string, DiskTracking> disks, XmlCheck check)
    {
        string name = check.Required(element, "name");
        if (!disks.TryGetValue(name, out DiskTracking? disk))
            throw check.Broken(element, $"disk '{name}' is not among the disks of {DisksFile}");
        TrackingPoint point = TrackingXml.ReadPoint(element, null, check);
        string layer = check.Required(element, "layer");
        if (!disk.Layers.ContainsKey(layer))
            throw check.Broken(element, $"layer '{layer}' is not among those of disk '{name}' in {DisksFile}");
        disks[name] = disk with
        {
            Points = new Dictionary<string, TrackingPoint>(disk.Points, StringComparer.Ordinal) { [point.Id] = point },
            Tips = new Dictionary<string, TrackingTip>(StringComparer.Ordinal)
            {
                [DiskTracking.MainBranch] = new(point.Id, layer, check.Required(element, "recording")),
            },
        };
    }

    private static (StoredMoment Moment, List<(string Disk, TrackingPoint Point)> Points) ReadMoment(string path, string name)
    {
        CheckpointDocument document = CheckpointDocument.Load(path, XmlOrigin.Store);
        if (document.Name != name)
            throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' holds the moment '{document.Name}', not '{name}'.", path, "Rename the file after the moment it holds, or remove it.");
        var key = new MomentKey(MomentKind.Checkpoint, name);
        var check = new XmlCheck(path);
        XElement? extension = document.Extension;
        DateTimeOffset created = DateTimeOffset.TryParse(extension?.Attribute("created")?.Value, CultureInfo.InvariantCulture, out DateTimeOffset exact)
            ? exact : DateTimeOffset.FromUnixTimeSeconds(document.CreationTime ?? 0);
        var moment = new StoredMoment(
            key,
            extension?.Attribute("id")?.Value ?? name,
            document with { Extension = null },
            document.ParentName is { } parent ? new MomentKey(MomentKind.Checkpoint, parent) : null,
            created,
            extension?.Attribute("repository")?.Value) { Group = extension?.Attribute("group")?.Value };
        return (moment, [.. (extension?.Elements(TrackingXml.Name("disk")) ?? []).Select(disk => (check.Required(disk, "name"), TrackingXml.ReadPoint(disk, key, check)))]);
    }
}
