using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>Tells of each layer that snapshots stand on whether somebody wrote to it.</summary>
internal static class FrozenCheck
{
    /// <param name="domain">The machine.</param>
    /// <param name="state">All its moments.</param>
    /// <param name="disks">The disks; empty means all.</param>
    /// <param name="findings">Where the findings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task RunAsync(DomainDocument domain, DomainMoments state, IReadOnlyList<string> disks, FindingList findings, CancellationToken cancellation)
    {
        foreach (FrozenDamage damage in await FrozenLayers.FindAsync(domain, state, cancellation))
            if (disks.Count == 0 || disks.Contains(damage.Disk, StringComparer.Ordinal))
                findings.Add(FindingIds.FrozenLayerWritten, FindingList.Error,
                    $"The image '{damage.Layer.Path}' of disk '{damage.Disk}' is written no more since {FrozenLayers.Standing(state.Disk(damage.Disk), damage.Layer.Id)}, and somebody did: {damage.Text}. What is read through it may be another content than the snapshots' own, so nothing is changed on this disk any more.",
                    damage.IsOpen
                        ? $"Stop whoever writes there, and start the machine on the disk's newest image. Then put the file back from a copy, with its times, or accept it as it is with '{findings.Repair}'."
                        : $"Put the file back from a copy, with its times. '{findings.Repair}', with the machine stopped, accepts it as it is: the snapshots that stand on it are marked, and what changed across this is then not known.",
                    disk: damage.Disk, layer: damage.Layer.Path);
    }
}
