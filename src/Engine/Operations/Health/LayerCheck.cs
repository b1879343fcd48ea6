using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Holds the image files of a disk, layer by layer, against what was recorded of them when its history began. Pure.</summary>
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
        if (tracking.ActiveTip is not { } tip || chain.Count == 0 || chain[0].Facts is not { } active)
            return;
        TrackingLayer recorded = tracking.Layers[tip.LayerId];
        if (recorded.Facts is { } before && (before.BackingFile != active.BackingFile || before.BackingFormat != active.BackingFormat))
        {
            findings.Add(FindingIds.LayerChanged, FindingList.Error,
                $"The image of disk '{tracking.Disk}' stands on {Backing(active)}, but on {Backing(before)} when it was recorded: somebody rebased it.",
                Remedy(findings), disk: tracking.Disk, layer: recorded.Path);
            // What lies beneath is another chain.
            return;
        }

        var seen = chain.Skip(1).DistinctBy(layer => layer.Path, StringComparer.Ordinal).ToDictionary(layer => layer.Path, StringComparer.Ordinal);
        int steps = 0;
        for (string? id = recorded.BackingId; id is not null && tracking.Layers.TryGetValue(id, out TrackingLayer? layer) && steps++ <= tracking.Layers.Count; id = layer.BackingId)
            if (layer.Facts is { } then && seen.GetValueOrDefault(layer.Path)?.Facts is { } now && Difference(then, now) is { } difference)
                findings.Add(FindingIds.LayerChanged, FindingList.Error,
                    $"The image '{layer.Path}', on which disk '{tracking.Disk}' stands, was changed behind our back: {difference}. Whatever is read through it may be another content than the moments' own, as after 'qemu-img commit'.",
                    Remedy(findings), disk: tracking.Disk, layer: layer.Path);
    }

    private static string? Difference(LayerFacts then, LayerFacts now) =>
        then.BackingFile != now.BackingFile || then.BackingFormat != now.BackingFormat ? $"it stands on {Backing(now)}, and stood on {Backing(then)}"
        : then.Length is not null && now.Length is not null && then.Length != now.Length ? $"it has {now.Length} bytes, and had {then.Length}"
        : then.Modified is not null && now.Modified is not null && then.Modified != now.Modified ? $"it was written at {Time(now.Modified.Value)}"
        : null;

    private static string Remedy(FindingList findings) =>
        $"If the disk's content is right, '{findings.Repair}' accepts the layers as they are, and what changed across this is then not known; else put the right image back.";

    private static string Backing(LayerFacts facts) => facts.BackingFile is null ? "nothing" : $"'{facts.BackingFile}'{(facts.BackingFormat is null ? "" : $" ({facts.BackingFormat})")}";

    private static string Time(long nanoseconds) => $"{DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / 100):u}";
}
