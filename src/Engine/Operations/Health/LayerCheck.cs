using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Tells what of the images beneath a disk is not as it was recorded. Pure.</summary>
internal static class LayerCheck
{
    /// <param name="tracking">The disk's tree.</param>
    /// <param name="chain">The layers as they are, the active one first.</param>
    /// <param name="findings">Where the findings go.</param>
    public static void Run(DiskTracking tracking, IReadOnlyList<SeenLayer> chain, FindingList findings)
    {
        foreach (SeenLayer gone in chain.Skip(1).Where(layer => layer.Facts is null))
            findings.Add(FindingIds.LayerMissing, FindingList.Error,
                $"The image '{gone.Path}', on which disk '{tracking.Disk}' stands, cannot be read. {gone.Trouble?.Message}",
                "Put the file back: without it the disk has no content.", disk: tracking.Disk, layer: gone.Path);
        // Of those that snapshots stand on FrozenCheck tells, and more severely.
        foreach (LayerDrift drift in LayerDrift.Find(tracking, chain).Where(drift => tracking.Layers[drift.LayerId].FrozenTop is null))
            switch (drift.Kind)
            {
                case LayerDriftKind.Rebased:
                    findings.Add(FindingIds.LayerChanged, FindingList.Error,
                        $"The image '{drift.Path}' of disk '{tracking.Disk}' was rebased by somebody: {drift.Text}. Nothing is changed on a disk that stands on another image than its moments.",
                        $"Put the recorded image back beneath it; if the disk's content is right, '{findings.Repair}' accepts the layers as they are once the machine is stopped, and what changed across this is then not known.",
                        disk: tracking.Disk, layer: drift.Path);
                    break;
                case LayerDriftKind.Written:
                    findings.Add(FindingIds.LayerChanged, FindingList.Error,
                        $"The image '{drift.Path}', on which disk '{tracking.Disk}' stands, was changed behind our back: {drift.Text}. Whatever is read through it may be another content than the moments' own, as after 'qemu-img commit'.",
                        $"If the disk's content is right, the next checkpoint accepts the layers as they are (while a machine runs that was started before this happened: the first one after its next start), and so does '{findings.Repair}'; what changed across this is then not known. Else put the right image back.",
                        disk: tracking.Disk, layer: drift.Path);
                    break;
            }
    }
}
