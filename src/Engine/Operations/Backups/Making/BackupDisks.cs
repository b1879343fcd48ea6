using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Making;

/// <summary>Which disks of a machine a backup is of. Pure.</summary>
internal static class BackupDisks
{
    /// <summary>Those that were asked for, or all that can be backed up; what is left out is told.</summary>
    public static string[] Choose(DomainDocument domain, IReadOnlyList<string> asked, IOperationReport report)
    {
        foreach (string name in asked)
            if (domain.FindDisk(name) is null)
                throw DiskNaming.Unknown(name, domain);
        List<string> chosen = [];
        foreach (DomainDisk disk in domain.Disks.Where(disk => asked.Count == 0 || asked.Contains(disk.Target, StringComparer.Ordinal)))
        {
            string? why = disk is { Device: not "disk" } ? $"is a {disk.Device}" : disk.ReadOnly ? "is read-only" : disk.SourcePath is null ? "has no medium" : null;
            if (why is null)
                chosen.Add(disk.Target);
            else if (asked.Count > 0)
                throw new MomentException(OperationErrors.DiskNotCovered, $"Cannot back up disk '{disk.Target}' of '{domain.Name}': it {why}.", disk.Target, "Leave the disk out.");
            else
                report.Verbose($"Disk '{disk.Target}' is left out: it {why}.");
        }

        return chosen.Count > 0 ? [.. chosen]
            : throw new MomentException(OperationErrors.DiskNotCovered, $"Cannot back up '{domain.Name}': it has no disk that can be backed up.", domain.Name, "A disk must have a file or a block device, and be writable.");
    }

    /// <summary>Those of them that a checkpoint can cover; the others (raw) are compared with the backup before.</summary>
    public static string[] Tracked(DomainDocument domain, IEnumerable<string> disks) => [.. disks.Where(disk => CheckpointAlignment.WhyNot(domain.FindDisk(disk)!) is null)];
}
