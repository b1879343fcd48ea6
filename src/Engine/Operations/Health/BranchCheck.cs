using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>The present state of a branch's disks is one fact in one place. Where two entries or files claim it, that is told.</summary>
internal static class BranchCheck
{
    /// <returns>The disks of which it is not certain what is recorded on them now.</returns>
    public static IReadOnlySet<string> Run(string directory, DomainMoments state, FindingList findings)
    {
        string path = Path.Combine(directory, "branches", DiskTracking.MainBranch + ".xml");
        string[] disks = !File.Exists(path) ? [] : [.. XmlSource.ReadFile(path).Root!.Elements(TrackingXml.Name("disk")).Select(disk => disk.Attribute("name")?.Value ?? "")
            .GroupBy(name => name, StringComparer.Ordinal).Where(group => group.Count() > 1).Select(group => group.Key)];
        if (disks.Length > 0)
            findings.Add(FindingIds.CurrentAmbiguous, FindingList.Error,
                $"Two entries of '{path}' claim to be the present state of disk {FindingList.Listed(disks)}: which moment is current is not certain.",
                $"'{findings.Repair}' keeps the one whose mark is in the image.", disk: disks.Length == 1 ? disks[0] : null, file: path);
        string[] active = [.. state.Moments.Values.Where(moment => moment.Document is SnapshotDocument { Active: true }).Select(moment => moment.Key.Name).Order(StringComparer.Ordinal)];
        if (active.Length > 1)
            findings.Add(FindingIds.CurrentAmbiguous, FindingList.Warning,
                $"The files of {FindingList.Listed(active)} all claim to be the current moment (<active>1</active>).", $"'Set-VMMoment {findings.Vm} NAME -Current' says which one is.", active[0]);
        return new HashSet<string>(disks, StringComparer.Ordinal);
    }
}
