using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>Where two entries of one file claim to be the present state of a disk, the one whose mark is in the image stays.</summary>
internal static class BranchRepair
{
    /// <summary>Writes the files anew that have such entries; the domain's lock is held. Where no mark decides, the entry that counted until now stays.</summary>
    public static async Task<bool> RunAsync(DomainPlace place, DomainDocument domain, Action<string>? probe, CancellationToken cancellation)
    {
        string folder = Path.Combine(place.StateDirectory, "branches");
        Dictionary<string, string?> files = new(StringComparer.Ordinal);
        IEnumerable<string> paths = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.xml") : [];
        foreach (string path in paths.Where(path => !DurableFile.IsTemporary(path)).Order(StringComparer.Ordinal))
            if (await RepairedAsync(place, domain, path, cancellation) is { } written)
                files.Add($"branches/{Path.GetFileName(path)}", written);
        if (files.Count == 0)
            return false;
        using var journal = Journal.Begin(place.StateDirectory, MomentIds.New(), MomentRepair.Operation, MomentRepair.NothingToUndo(), probe);
        journal.Commit(new FileChanges(files));
        return true;
    }

    private static async Task<string?> RepairedAsync(DomainPlace place, DomainDocument domain, string path, CancellationToken cancellation)
    {
        // What else is wrong with a file is told by whoever loads it.
        if (Read(path) is not { } root)
            return null;
        IGrouping<string, XElement>[] doubled = [.. root.Elements(TrackingXml.Name("disk")).GroupBy(disk => disk.Attribute("name")?.Value ?? "", StringComparer.Ordinal).Where(group => group.Count() > 1)];
        if (doubled.Length == 0)
            return null;
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        foreach (IGrouping<string, XElement> disk in doubled)
        {
            IReadOnlyDictionary<string, ObservedBitmap> bitmaps = domain.FindDisk(disk.Key) is null ? new Dictionary<string, ObservedBitmap>(StringComparer.Ordinal) : (await LookAsync(place, domain, disk.Key, runs, cancellation)).Bitmaps;
            // Of several entries the last one counted.
            XElement kept = disk.LastOrDefault(entry => bitmaps.ContainsKey(TrackingTip.MarkerPrefix + entry.Element(TrackingXml.Name("point"))?.Attribute("id")?.Value)) ?? disk.Last();
            foreach (XElement other in disk.Where(entry => entry != kept).ToList())
                other.Remove();
        }

        return XmlOutput.Write(root, "branch");
    }

    private static XElement? Read(string path)
    {
        try
        {
            return XmlSource.ReadFile(path).Root;
        }
        catch (MomentException)
        {
            return null;
        }
    }

    private static async Task<ObservedLayer> LookAsync(DomainPlace place, DomainDocument domain, string disk, bool runs, CancellationToken cancellation)
    {
        if (!runs)
            return await ObservedLayer.ReadAsync(domain.FindDisk(disk)!.SourcePath!, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [disk], BlockAccess.Read, cancellation);
        return (await SessionView.BitmapsAsync(session, cancellation))[disk];
    }
}
