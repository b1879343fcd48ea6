using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Reads every saved segment that an edge refers to, each once, whole.</summary>
internal sealed class SidecarCheck
{
    private readonly Dictionary<(string Id, string Disk), MomentException?> _read = [];
    private readonly SegmentFile _segments;

    public SidecarCheck(SegmentFile segments) => _segments = segments;

    /// <summary>Why the saved segment of a disk cannot be used; null where it is whole.</summary>
    public MomentException? Trouble(string id, string disk)
    {
        if (_read.TryGetValue((id, disk), out MomentException? known))
            return known;
        try
        {
            _segments.Read(id, disk);
            return _read[(id, disk)] = null;
        }
        catch (MomentException failure)
        {
            return _read[(id, disk)] = failure;
        }
    }

    /// <summary>One finding for each file, however many disks and edges need it.</summary>
    /// <param name="state">The moments.</param>
    /// <param name="isThere">Whether a bitmap is on its layer and can be trusted, so that its saved copy is not needed.</param>
    /// <param name="findings">Where the findings go.</param>
    public void Run(DomainMoments state, Func<DiskTracking, SegmentSource.Bitmap, bool> isThere, FindingList findings)
    {
        var broken = state.Disks.Values.SelectMany(disk => disk.Points.Values.SelectMany(point => point.Sources.Select(source => (Disk: disk, Point: point, Source: source))))
            .Select(use => (use.Disk, use.Point, use.Source, Id: use.Source.SavedId))
            .Where(use => use.Id is not null && Trouble(use.Id, use.Disk.Disk) is not null)
            .GroupBy(use => use.Id!, StringComparer.Ordinal);
        foreach (var file in broken)
        {
            bool needed = file.Any(use => use.Source is not SegmentSource.Bitmap bitmap || !isThere(use.Disk, bitmap));
            string[] disks = [.. file.Select(use => use.Disk.Disk).Distinct(StringComparer.Ordinal)];
            string[] moments = [.. file.Select(use => use.Disk.NearestMoment(use.Point.ParentId)?.Name).OfType<string>().Distinct(StringComparer.Ordinal)];
            string since = moments.Length == 0 ? "" : $" after {FindingList.Listed(moments)}";
            findings.Add(FindingIds.SidecarUnreadable, needed ? FindingList.Error : FindingList.Warning,
                $"The saved copy of what changed{since} on disk {FindingList.Listed(disks)} is damaged or gone. {Trouble(file.Key, disks[0])!.Message} {(needed ? "It is the only one, so that is not known any more." : "The bitmap itself is still in the image; nothing is lost as long as QEMU does not die.")}",
                $"'{findings.Repair}' {(needed ? "writes down that this is lost" : "writes the copy anew from the bitmap")}.",
                moments.Length == 1 ? moments[0] : null, disks.Length == 1 ? disks[0] : null, file: _segments.PathOf(file.Key));
        }
    }
}
