using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// What an attached machine has now, under the names that its disks had. QEMU knows no such names and counting anew would give a disk that
/// stayed the name, and the history, of one that went.
/// </summary>
internal static class AttachedUpdate
{
    /// <param name="known">The domain as it is registered.</param>
    /// <param name="read">The domain as its monitor tells it.</param>
    /// <param name="tracked">Names of disks that have a history.</param>
    public static DomainDocument Merge(DomainDocument known, DomainDocument read, IEnumerable<string> tracked)
    {
        HashSet<string> taken = [.. known.Disks.Select(disk => disk.Target), .. tracked];
        List<DomainDisk> disks = [];
        foreach (DomainDisk disk in read.Disks)
        {
            DomainDisk? same = known.Disks.FirstOrDefault(one => one.SourcePath == disk.SourcePath) ?? known.Disks.FirstOrDefault(one => one.Alias is not null && one.Alias == disk.Alias && read.Disks.All(other => other.SourcePath != one.SourcePath));
            string target = same?.Target ?? (taken.Contains(disk.Target) ? Free(disk.Target, taken) : disk.Target);
            taken.Add(target);
            disks.Add(disk with { Target = target });
        }

        return known.WithDisks(disks).WithMonitor(read.Monitor!);
    }

    private static string Free(string target, HashSet<string> taken)
    {
        string prefix = target.StartsWith("nvme", StringComparison.Ordinal) ? "nvme" : target[..2];
        for (int index = 0; ; index++)
        {
            string candidate = AttachedMachine.TargetName(prefix, index);
            if (!taken.Contains(candidate))
                return candidate;
        }
    }
}
