using System.Xml;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>What completion offers of branches and disks: from names of files, and from those of them that are few.</summary>
internal sealed partial class MomentStore
{
    /// <summary>The names of the branches that have a file, and of the active one, which need not.</summary>
    public IReadOnlyList<string> BranchNames() =>
        [.. Names(BranchFolder).Where(name => MomentNames.BranchRule(name) is null).Append(ActiveBranch()).Distinct(StringComparer.Ordinal)];

    /// <summary>The branch that the machine is on.</summary>
    public string ActiveBranch()
    {
        string path = Path.Combine(directory, DisksFile);
        if (!File.Exists(path))
            return DiskTracking.MainBranch;
        try
        {
            using XmlReader reader = XmlReader.Create(path);
            return reader.MoveToContent() == XmlNodeType.Element && reader.GetAttribute("branch") is { } name ? name : DiskTracking.MainBranch;
        }
        catch (XmlException)
        {
            // Whoever reads the file as a whole tells what is wrong with it.
            return DiskTracking.MainBranch;
        }
    }

    /// <summary>When a branch was made; null where its file does not say.</summary>
    public DateTimeOffset? BranchCreated(string name)
    {
        string path = Path.Combine(directory, BranchFile(name));
        if (!File.Exists(path))
            return null;
        try
        {
            using XmlReader reader = XmlReader.Create(path);
            return reader.MoveToContent() == XmlNodeType.Element ? MomentFile.ReadTime(reader.GetAttribute("created")) : null;
        }
        catch (XmlException)
        {
            return null;
        }
    }

    /// <summary>The virtual size in bytes that each tracked disk had when its active tip was recorded.</summary>
    public IReadOnlyDictionary<string, long> DiskSizes()
    {
        try
        {
            return ReadTracking(_ => { }).Disks.Values.Where(disk => disk.ActiveTip is { } tip && disk.Points.ContainsKey(tip.PointId))
                .ToDictionary(disk => disk.Disk, disk => disk.Points[disk.ActiveTip!.PointId].Size, StringComparer.Ordinal);
        }
        catch (MomentException)
        {
            // That the disks are there is known without it.
            return new Dictionary<string, long>(StringComparer.Ordinal);
        }
    }

    /// <summary>What is kept for Undo, the oldest first.</summary>
    public IReadOnlyList<KeptAside> Kept() => ReadTracking(_ => { }).Kept;
}
