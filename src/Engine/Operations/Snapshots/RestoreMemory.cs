using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>The saved memory of a snapshot, looked at before anything is stopped for it.</summary>
internal static class RestoreMemory
{
    /// <summary>The memory, or null where the snapshot has none in a file.</summary>
    /// <exception cref="Errors.MomentException"><c>MemoryFileMissing</c>, <c>MemoryFileBroken</c>, <c>DefinitionChanged</c>.</exception>
    public static IncomingMemory? Find(string vm, RestoreTarget target, DomainDocument domain, bool force, IOperationReport report)
    {
        if (target.MemoryFile is not { } path)
            return null;
        var memory = new IncomingMemory(vm, path);
        memory.Check();
        IReadOnlyList<string> differences = target.Document.Domain is { } then ? DefinitionFit.Differences(then, domain) : [];
        if (differences.Count > 0 && !force)
            throw RestoreErrors.Unfit(vm, differences);
        if (differences.Count > 0)
            report.Warning($"'{vm}' gets the definition of snapshot '{target.Key.Name}' again, with the images of today: {string.Join("; ", differences)}.");
        return memory;
    }

    /// <summary>The machine as the snapshot has it, under its name and with the images of today.</summary>
    public static DomainDocument Definition(RestoreTarget target, DomainDocument today)
    {
        if (target.Document.Domain is not { } then || DefinitionFit.Differences(then, today).Count == 0)
            return today;
        DomainDocument definition = then.WithName(today.Name).WithUuid(today.Uuid!.Value);
        return today.Disks.Where(disk => disk is { SourcePath: not null, Format: not null, SourceType: "file" or "block" } && definition.FindDisk(disk.Target) is not null)
            .Aggregate(definition, (next, disk) => next.WithDiskSource(disk.Target, disk.SourcePath!, disk.Format!, disk.SourceType));
    }
}
