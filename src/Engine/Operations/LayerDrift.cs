using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// What of the images beneath a disk is not as it was recorded. Whatever is read through such a layer may be another content than before,
/// and no bitmap tells of it. Pure.
/// </summary>
/// <param name="LayerId">The layer in the disk's tracking.</param>
/// <param name="Path">Its file.</param>
/// <param name="Kind">In which way it differs.</param>
/// <param name="Text">How, as a part of a sentence that follows the layer's name.</param>
/// <param name="Replaced">Whether another file lies in its place.</param>
internal sealed record LayerDrift(string LayerId, string Path, LayerDriftKind Kind, string Text, bool Replaced = false)
{
    /// <summary>Why what was written since the last moment is not known.</summary>
    public string Doubt => Kind switch
    {
        LayerDriftKind.Rebased => $"somebody rebased '{Path}': {Text}",
        LayerDriftKind.Unseen => $"the image '{Path}', on which the disk stands, {Text}",
        _ => $"the image '{Path}', on which the disk stands, was changed by somebody else: {Text}",
    };

    /// <summary>The differences, from the top down; beneath a layer that was rebased lies another chain, so nothing follows.</summary>
    /// <param name="tracking">The disk's tree with what was recorded.</param>
    /// <param name="chain">The layers as they are, the active one first; null where nobody looked.</param>
    public static IReadOnlyList<LayerDrift> Find(DiskTracking tracking, IReadOnlyList<SeenLayer>? chain)
    {
        List<LayerDrift> found = [];
        foreach ((TrackingLayer layer, int index) in Recorded(tracking).Select((layer, index) => (layer, index)))
        {
            // The active one changes all the time, and what it holds is proven by its bitmaps; but not on what it stands.
            if (layer.Facts is not { } then || (index == 0 && chain is not null && chain.ElementAtOrDefault(0)?.Facts is null))
                continue;
            SeenLayer? seen = chain?.ElementAtOrDefault(index);
            string path = seen?.Path ?? layer.Path;
            if (chain is null)
            {
                if (index > 0)
                    found.Add(new LayerDrift(layer.Id, path, LayerDriftKind.Unseen, "was not looked at"));
            }
            else if (seen?.Facts is not { } now)
            {
                found.Add(new LayerDrift(layer.Id, path, LayerDriftKind.Unseen, $"cannot be looked at{(seen?.Trouble is { } trouble ? $" ({trouble.Message.TrimEnd('.')})" : "")}"));
            }
            else if (then.BackingFile != now.BackingFile || then.BackingFormat != now.BackingFormat)
            {
                found.Add(new LayerDrift(layer.Id, path, LayerDriftKind.Rebased, $"it stands on {Backing(now)}, and stood on {Backing(then)}"));
                break;
            }
            else if (index > 0 && Difference(then, now) is { } difference)
            {
                found.Add(new LayerDrift(layer.Id, path, LayerDriftKind.Written, difference, IsOther(then, now)));
            }
        }

        return found;
    }

    /// <summary>The layers that the tracking knows of a disk, the active one first.</summary>
    public static IEnumerable<TrackingLayer> Recorded(DiskTracking tracking) => Recorded(tracking, tracking.ActiveTip?.LayerId);

    /// <summary>A layer and those beneath it.</summary>
    public static IEnumerable<TrackingLayer> Recorded(DiskTracking tracking, string? top)
    {
        // The ids come from files: changed by hand they may lead in a circle.
        int steps = 0;
        for (string? id = top; id is not null && tracking.Layers.TryGetValue(id, out TrackingLayer? layer) && steps++ <= tracking.Layers.Count; id = layer.BackingId)
            yield return layer;
    }

    /// <summary>How a frozen layer differs from what it was, or null. The number of a file system may be another one after each start of the host.</summary>
    public static string? Difference(LayerFacts then, LayerFacts now) =>
        then.Length is not null && now.Length is not null && then.Length != now.Length ? $"it has {now.Length} bytes, and had {then.Length}"
        : then.Modified is not null && now.Modified is not null && then.Modified != now.Modified ? $"it was written at {Time(now.Modified.Value)}, last at {Time(then.Modified.Value)} before"
        : IsOther(then, now) ? "another file lies in its place"
        : null;

    // The node of a block device is made anew at each start of the host.
    private static bool IsOther(LayerFacts then, LayerFacts now) => then.Modified is not null && now.Modified is not null && then.Inode != now.Inode;

    private static string Backing(LayerFacts facts) => facts.BackingFile is null ? "nothing" : $"'{facts.BackingFile}'{(facts.BackingFormat is null ? "" : $" ({facts.BackingFormat})")}";

    private static string Time(long nanoseconds) => $"{DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / 100):yyyy-MM-dd HH:mm:ss.fffffff}Z";
}
