using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>What lies inside the images that disks are written to, and can only be gone to while they are: snapshots, and branches by their tips. Pure.</summary>
/// <param name="Moments">The internal snapshots.</param>
/// <param name="Branches">The branches, without those that are kept aside.</param>
internal sealed record InsideImages(IReadOnlyList<MomentKey> Moments, IReadOnlyList<string> Branches)
{
    /// <summary>Each as a part of a sentence: "branch 'a'", "snapshot 'b'".</summary>
    public IReadOnlyList<string> Words => [.. Branches.Select(name => $"branch '{name}'"), .. Moments.Select(key => $"snapshot '{key.Name}'")];

    /// <param name="state">The moments.</param>
    /// <param name="disks">The disks.</param>
    /// <param name="branch">The branch whose images are meant; null for the one that each disk is on.</param>
    public static InsideImages Of(DomainMoments state, IEnumerable<string> disks, string? branch = null)
    {
        HashSet<MomentKey> moments = [];
        HashSet<string> branches = new(StringComparer.Ordinal);
        foreach (DiskTracking disk in disks.Select(state.Disk))
        {
            string on = branch ?? disk.ActiveBranch;
            if (!disk.Tips.TryGetValue(on, out TrackingTip? tip))
                continue;
            moments.UnionWith(disk.Points.Values.Where(point => point.LayerId == tip.LayerId && point.Moment is { Kind: MomentKind.Snapshot }).Select(point => point.Moment!));
            branches.UnionWith(disk.Tips.Where(other => other.Value is { Saved: not null } saved && saved.LayerId == tip.LayerId && other.Key != on && !Branch.IsHiddenName(other.Key)).Select(other => other.Key));
        }

        return new InsideImages([.. moments.OrderBy(key => key.Name, StringComparer.Ordinal)], [.. branches.Order(StringComparer.Ordinal)]);
    }
}
