using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>Reads <c>disks.xml</c>, the files of branches, and of what is kept for Undo.</summary>
internal sealed partial class MomentStore
{
    // It holds the files of as many moments as were removed at once.
    private const int MaxKeptBytes = 512 << 20;

    // What the machine works on must be known for certain: an error there is one of the whole. Of other branches it costs the branch alone.
    private StoredTracking ReadTracking(Action<MomentException> fault)
    {
        var disks = new Dictionary<string, DiskTracking>(StringComparer.Ordinal);
        string active = ReadDisks(disks);
        var tracking = new StoredTracking(active, disks, new(StringComparer.Ordinal), new(StringComparer.Ordinal), [], new(StringComparer.Ordinal));
        string[] used = [.. disks.Values.Select(disk => disk.ActiveBranch).Prepend(active).Distinct(StringComparer.Ordinal)];
        foreach (string name in used)
        {
            if (File.Exists(Path.Combine(directory, BranchFile(name))))
                ReadBranch(name, tracking, isUsed: true);
            else if (name == active)
                tracking.Branches.Add(name, new Branch(name));
        }

        foreach (string name in Names(BranchFolder).Except(used, StringComparer.Ordinal))
            Try(name, () => ReadBranch(name, tracking, isUsed: false));
        List<KeptAside> kept = [];
        foreach (string id in Names(KeptFolder))
            Try(id, () => kept.Add(ReadKept(id)));
        return tracking with { Kept = [.. kept.OrderBy(one => one.Since).ThenBy(one => one.Id, StringComparer.Ordinal)] };

        void Try(string name, Action read)
        {
            try
            {
                read();
            }
            catch (MomentException failure)
            {
                tracking.Broken.Add(name);
                fault(failure);
            }
        }
    }

    private IEnumerable<string> Names(string folder)
    {
        string path = Path.Combine(directory, folder);
        return !Directory.Exists(path) ? [] : Directory.EnumerateFileSystemEntries(path, "*.xml").Where(file => !DurableFile.IsTemporary(file))
            .Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal);
    }

    private (XElement Root, XmlCheck Check) ReadOwn(string relative, string root, int maxBytes = XmlSource.MaxBytes)
    {
        string path = Path.Combine(directory, relative);
        var check = new XmlCheck(path);
        XElement element = XmlSource.ReadFile(path, maxBytes).Root!;
        return element.Name == TrackingXml.Name(root) ? (element, check) : throw check.Broken(element, $"the root element must be <{root}> of {XmlNames.Moments}");
    }

    private string ReadDisks(Dictionary<string, DiskTracking> disks)
    {
        if (!File.Exists(Path.Combine(directory, DisksFile)))
            return DiskTracking.MainBranch;
        (XElement root, XmlCheck check) = ReadOwn(DisksFile, "disks");
        string active = BranchName(root, check) ?? DiskTracking.MainBranch;
        foreach (XElement element in root.Elements(TrackingXml.Name("disk")))
        {
            string name = check.Required(element, "name");
            disks[name] = new DiskTracking
            {
                Disk = name,
                ActiveBranch = BranchName(element, check) ?? active,
                Layers = Unique(element.Elements(TrackingXml.Name("layer")), layer => check.Required(layer, "id"), layer => TrackingXml.ReadLayer(layer, check), check),
                Points = Ghosts(element, check),
            };
        }

        return active;
    }

    private static Dictionary<TKey, T> Unique<TKey, T>(IEnumerable<XElement> elements, Func<XElement, TKey> keyOf, Func<XElement, T> read, XmlCheck check)
        where TKey : notnull
    {
        var all = new Dictionary<TKey, T>();
        foreach (XElement element in elements)
        {
            if (!all.TryAdd(keyOf(element), read(element)))
                throw check.Broken(element, $"{XmlErrors.Quote($"{keyOf(element)}")} is there twice");
        }

        return all;
    }

    private static Dictionary<string, TrackingPoint> Ghosts(XElement disk, XmlCheck check)
    {
        var points = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);
        foreach (XElement ghost in disk.Elements(TrackingXml.Name("ghost")))
        {
            TrackingPoint point = TrackingXml.ReadPoint(ghost, null, check);
            if (!points.TryAdd(point.Id, point))
                throw check.Broken(ghost, $"the point {XmlErrors.Quote(point.Id)} is there twice");
        }

        return points;
    }

    // It becomes a file's name.
    private static string? BranchName(XElement element, XmlCheck check) =>
        element.Attribute("branch") is not { } given ? null
        : MomentNames.SnapshotRule(given.Value) is { } rule ? throw check.Broken(given, $"{XmlErrors.Quote(given.Value)} cannot be the name of a branch: {rule}")
        : given.Value;

    private void ReadBranch(string name, StoredTracking tracking, bool isUsed)
    {
        (XElement root, XmlCheck check) = ReadOwn(BranchFile(name), "branch");
        // A copy of a branch's file still has the name of its origin.
        if (root.Attribute("name")?.Value is { } given && given != name)
            throw isUsed ? check.Broken(root, $"the file holds the branch {XmlErrors.Quote(given)}") : MomentErrors.SecondCurrent(check.Source, Path.Combine(directory, BranchFile(given)));
        // Put in once all of it is known to be right.
        var disks = new Dictionary<string, DiskTracking>(tracking.Disks, StringComparer.Ordinal);
        foreach (XElement element in root.Elements(TrackingXml.Name("disk")))
            ReadTip(name, element, disks, tracking, isUsed, check);
        tracking.Branches.Add(name, BranchXml.Read(root, name, check));
        foreach ((string disk, DiskTracking read) in disks)
            tracking.Disks[disk] = read;
    }

    private void ReadTip(string branch, XElement element, Dictionary<string, DiskTracking> disks, StoredTracking tracking, bool isUsed, XmlCheck check)
    {
        string name = check.Required(element, "name"), layer = check.Required(element, "layer");
        string? unknown = !disks.TryGetValue(name, out DiskTracking? disk) ? $"disk '{name}' is not among the disks of {DisksFile}"
            : !disk.Layers.ContainsKey(layer) ? $"layer '{layer}' is not among those of disk '{name}' in {DisksFile}" : null;
        if (unknown is not null)
            throw isUsed ? check.Broken(element, unknown) : MomentErrors.BranchUnknown(check.Source, unknown);
        TrackingPoint point = TrackingXml.ReadPoint(element, null, check);
        var points = new Dictionary<string, TrackingPoint>(disk!.Points, StringComparer.Ordinal);
        // Of two entries in one file the last one counts.
        if (disk.Tips.TryGetValue(branch, out TrackingTip? first))
            points.Remove(first.PointId);
        if (!isUsed && points.ContainsKey(point.Id))
            throw MomentErrors.SecondCurrent(check.Source, Path.Combine(directory, disk.Tips.FirstOrDefault(tip => tip.Value.PointId == point.Id).Key is { } other ? BranchFile(other) : DisksFile));
        points[point.Id] = point;
        string? saved = element.Attribute("saved")?.Value;
        var tip = new TrackingTip(point.Id, layer, saved is null ? check.Required(element, "recording") : "") { Saved = saved };
        disks[name] = disk with { Points = points, Tips = new Dictionary<string, TrackingTip>(disk.Tips, StringComparer.Ordinal) { [branch] = tip } };
        if (disk.ActiveBranch == branch && BranchXml.Key(element, "moment", check) is { } nearest)
            tracking.Nearest[name] = nearest;
    }

    private KeptAside ReadKept(string id)
    {
        (XElement root, XmlCheck check) = ReadOwn(KeptFile(id), "kept", MaxKeptBytes);
        if (check.Required(root, "id") != id)
            throw check.Broken(root, $"the file is named {id}.xml, and holds another record");
        return new KeptAside(
            id,
            check.Required(root, "operation"),
            BranchXml.Time(root, "since", check),
            BranchXml.Time(root, "until", check),
            root.Attribute("branch")?.Value,
            root.Attribute("was")?.Value,
            Unique(root.Elements(TrackingXml.Name("file")), file => check.Required(file, "path"), file => file.Value, check))
        {
            Parents = Unique(root.Elements(TrackingXml.Name("child")), child => BranchXml.RequiredKey(child, "moment", check), child => BranchXml.RequiredKey(child, "parent", check), check),
            Starts = Unique(root.Elements(TrackingXml.Name("begun")), begun => check.Required(begun, "branch"), begun => BranchXml.RequiredKey(begun, "start", check), check),
        };
    }
}
