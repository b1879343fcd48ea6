using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>Writes <c>disks.xml</c>, the files of branches, and of what is kept for Undo.</summary>
internal sealed partial class MomentStore
{
    private const string BranchFolder = "branches";
    private const string KeptFolder = "kept";
    private const string DisksFile = "disks.xml";

    /// <summary>The files of moments as they stand, by their path below the domain's directory: what <see cref="KeptAside"/> needs of them.</summary>
    public IReadOnlyDictionary<string, string> FilesOf(DomainMoments state, IReadOnlyCollection<MomentKey> keys)
    {
        ILookup<MomentKey, (string Disk, TrackingPoint Point)> points = PointsByMoment(state);
        return keys.ToDictionary(key => MomentFile.PathOf(key), key => MomentFile.Write(LoadWhole(state.Moments[key]), points[key]), StringComparer.Ordinal);
    }

    private static string BranchFile(string name) => $"{BranchFolder}/{name}.xml";

    private static string KeptFile(string id) => $"{KeptFolder}/{id}.xml";

    // To write is dearer than to compare, and a checkpoint always has other tips, and the same layers and ghosts.
    private static void AddBranch(Dictionary<string, string?> files, string name, DomainMoments from, DomainMoments to)
    {
        if (from.Branches.GetValueOrDefault(name) != to.Branches.GetValueOrDefault(name) || !Tips(from, name).Select(tip => (tip.Disk, tip.Tip)).SequenceEqual(Tips(to, name).Select(tip => (tip.Disk, tip.Tip))))
            files[BranchFile(name)] = WriteBranch(to, name);
        else if (!Tips(from, name).SequenceEqual(Tips(to, name)))
            AddIfChanged(files, BranchFile(name), WriteBranch(from, name), WriteBranch(to, name));
    }

    private static void AddKept(Dictionary<string, string?> files, DomainMoments from, DomainMoments to)
    {
        foreach (KeptAside kept in to.Kept.Where(kept => !from.Kept.Contains(kept)))
            files[KeptFile(kept.Id)] = WriteKept(kept);
        foreach (KeptAside kept in from.Kept.Where(kept => to.Kept.All(other => other.Id != kept.Id)))
            files[KeptFile(kept.Id)] = null;
    }

    private static IEnumerable<(string Disk, TrackingTip Tip, TrackingPoint Point, MomentKey? Above)> Tips(DomainMoments state, string branch) =>
        state.Disks.Values.Where(disk => disk.Tips.ContainsKey(branch)).Select(disk => (disk, Tip: disk.Tips[branch])).Select(one => (one.disk.Disk, one.Tip, one.disk.Points[one.Tip.PointId], Above(one.disk, one.Tip)));

    private static MomentKey? Above(DiskTracking disk, TrackingTip tip) =>
        disk.Points[tip.PointId].ParentId is { } parent ? disk.Points.GetValueOrDefault(parent)?.Moment : null;

    private static bool SameDisks(DomainMoments from, DomainMoments to) =>
        from.ActiveBranch == to.ActiveBranch && Layers(from).SequenceEqual(Layers(to)) && Ghosts(from).SequenceEqual(Ghosts(to));

    private static IEnumerable<(string Disk, string Branch, TrackingLayer? Layer)> Layers(DomainMoments state) =>
        state.Disks.Values.SelectMany(disk => disk.Layers.Values.Select(layer => (disk.Disk, disk.ActiveBranch, (TrackingLayer?)layer)).Prepend((disk.Disk, disk.ActiveBranch, null)));

    private static IEnumerable<(string Disk, TrackingPoint Ghost)> Ghosts(DomainMoments state) =>
        state.Disks.Values.SelectMany(disk => Ghosts(disk).Select(ghost => (disk.Disk, ghost)));

    private static IEnumerable<TrackingPoint> Ghosts(DiskTracking disk) =>
        disk.Points.Values.Where(point => point.Moment is null && disk.Tips.Values.All(tip => tip.PointId != point.Id));

    // The first branch needs no file as long as nothing is to be said of it.
    private static string? WriteBranch(DomainMoments state, string name)
    {
        Branch? known = state.Branches.GetValueOrDefault(name);
        DiskTracking[] disks = [.. state.Disks.Values.Where(disk => disk.Tips.ContainsKey(name))];
        if (disks.Length == 0 && (known is null || (name == state.ActiveBranch && known == new Branch(DiskTracking.MainBranch))))
            return null;
        Branch branch = known ?? new Branch(name);
        XElement root = BranchXml.Write(new XElement(TrackingXml.Name("branch")), branch);
        root.Add(disks.Select(disk => WriteTip(disk, disk.Tips[name])));
        return XmlOutput.Write(root, "branch");
    }

    private static XElement WriteTip(DiskTracking disk, TrackingTip tip)
    {
        TrackingPoint point = disk.Points[tip.PointId];
        // A checkpoint's bitmap bears its name: where another one records, this says in which file the point above is.
        MomentKey? above = Above(disk, tip);
        return new XElement(TrackingXml.Name("disk"),
            new XAttribute("name", disk.Disk),
            new XAttribute("layer", tip.LayerId),
            tip.Saved is null ? new XAttribute("recording", tip.Recording) : new XAttribute("saved", tip.Saved),
            above is null || above == new MomentKey(MomentKind.Checkpoint, tip.Recording) ? null : new XAttribute("moment", above),
            TrackingXml.Write(point));
    }

    private static string? WriteDisks(DomainMoments state) => state.Disks.Count == 0 && state.ActiveBranch == DiskTracking.MainBranch ? null
        : XmlOutput.Write(new XElement(TrackingXml.Name("disks"),
            state.ActiveBranch == DiskTracking.MainBranch ? null : new XAttribute("branch", state.ActiveBranch),
            state.Disks.Values.Select(disk => new XElement(TrackingXml.Name("disk"),
                new XAttribute("name", disk.Disk),
                disk.ActiveBranch == state.ActiveBranch ? null : new XAttribute("branch", disk.ActiveBranch),
                disk.Layers.Values.Select(TrackingXml.Write),
                Ghosts(disk).Select(ghost => new XElement(TrackingXml.Name("ghost"), TrackingXml.Write(ghost)))))), "disks");

    private static string WriteKept(KeptAside kept) => XmlOutput.Write(new XElement(TrackingXml.Name("kept"),
        new XAttribute("id", kept.Id),
        new XAttribute("operation", kept.Operation),
        new XAttribute("since", BranchXml.Time(kept.Since)),
        new XAttribute("until", BranchXml.Time(kept.Until)),
        kept.Branch is null ? null : new XAttribute("branch", kept.Branch),
        kept.BranchName is null ? null : new XAttribute("was", kept.BranchName),
        kept.Files.Select(file => new XElement(TrackingXml.Name("file"), new XAttribute("path", file.Key), file.Value)),
        kept.Parents.Select(pair => new XElement(TrackingXml.Name("child"), new XAttribute("moment", pair.Key), new XAttribute("parent", pair.Value))),
        kept.Starts.Select(pair => new XElement(TrackingXml.Name("begun"), new XAttribute("branch", pair.Key), new XAttribute("start", pair.Value)))), "what is kept for Undo");
}
