using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>The present state of a branch's disks is one fact in one place. Where two entries or files claim it, that is told.</summary>
internal static class BranchCheck
{
    /// <returns>The disks of which it is not certain what is recorded on them now.</returns>
    public static IReadOnlySet<string> Run(string directory, DomainMoments state, FindingList findings)
    {
        HashSet<string> doubtful = new(StringComparer.Ordinal);
        string folder = Path.Combine(directory, "branches");
        if (!Directory.Exists(folder))
            return doubtful;
        List<(string Path, string Branch, string Disk)> claims = [.. Directory.EnumerateFiles(folder, "*.xml").Order(StringComparer.Ordinal).SelectMany(Claims)];
        foreach (var claim in claims.GroupBy(claim => (claim.Branch, claim.Disk)).Where(group => group.Count() > 1).GroupBy(group => group.Key.Branch, StringComparer.Ordinal))
        {
            string[] disks = [.. claim.Select(group => group.Key.Disk).Order(StringComparer.Ordinal)];
            string[] files = [.. claim.SelectMany(group => group.Select(one => one.Path)).Distinct(StringComparer.Ordinal)];
            doubtful.UnionWith(disks);
            findings.Add(FindingIds.CurrentAmbiguous, FindingList.Error,
                $"Two entries claim to be the present state of branch '{claim.Key}' on disk {FindingList.Listed(disks)}, in {FindingList.Listed(files)}: which moment is current is not certain.",
                $"'{findings.Repair}' keeps the one whose mark is in the image.", disk: disks.Length == 1 ? disks[0] : null, file: files[^1]);
        }

        string[] active = [.. state.Moments.Values.Where(moment => moment.Document is SnapshotDocument { Active: true }).Select(moment => moment.Key.Name).Order(StringComparer.Ordinal)];
        if (active.Length > 1)
            findings.Add(FindingIds.CurrentAmbiguous, FindingList.Warning,
                $"The files of {FindingList.Listed(active)} all claim to be the current moment (<active>1</active>).", $"'Set-VMMoment {findings.Vm} NAME -Current' says which one is.", active[0]);
        return doubtful;
    }

    private static IEnumerable<(string Path, string Branch, string Disk)> Claims(string path)
    {
        XElement root;
        try
        {
            root = XmlSource.ReadFile(path).Root!;
        }
        catch (MomentException)
        {
            // The one that counts has been loaded, or is told of; another file here claims nothing that could be understood.
            return [];
        }

        string branch = root.Attribute("name")?.Value ?? Path.GetFileNameWithoutExtension(path);
        return root.Elements(TrackingXml.Name("disk")).Select(disk => (path, branch, disk.Attribute("name")?.Value ?? ""));
    }
}
