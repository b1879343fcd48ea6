using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Holds a disk's size against the one that was recorded at its last moment. Pure.</summary>
internal static class SizeCheck
{
    public static void Run(DiskTracking tracking, ObservedLayer seen, FindingList findings)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Points[tip.PointId].Size is var recorded && recorded == seen.Size)
            return;
        findings.Add(FindingIds.DiskResized, FindingList.Warning,
            $"Disk '{tracking.Disk}' has {seen.Size} bytes; {recorded} are recorded: it was {(seen.Size > recorded ? "made larger" : "made smaller")}. The range between the two counts as changed.",
            $"'{findings.Repair}' records the size; so does the next checkpoint.", disk: tracking.Disk, layer: seen.Path);
    }
}
