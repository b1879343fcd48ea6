using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Which of a domain's disks block snapshots and block exports are on, by their records: what would change a disk's images beneath them is
/// refused before anything is touched. A record that nobody can read any more is told elsewhere; QEMU and its locks still stand for it.
/// </summary>
internal sealed class ServedDisks
{
    private readonly string _vm;
    private readonly IReadOnlyList<BlockSnapshotRecord> _snapshots;
    private readonly IReadOnlyList<BlockExportRecord> _exports;

    private ServedDisks(string vm, IReadOnlyList<BlockSnapshotRecord> snapshots, IReadOnlyList<BlockExportRecord> exports)
    {
        _vm = vm;
        _snapshots = snapshots;
        // Of a backup no disk of the machine is used.
        _exports = [.. exports.Where(export => export.BackupId is null)];
    }

    public static ServedDisks Of(DomainPlace place)
    {
        var records = new ServiceRecords(place.StateDirectory);
        return records.Any ? new ServedDisks(place.Name, records.Snapshots(_ => { }), records.Exports(_ => { })) : new ServedDisks(place.Name, [], []);
    }

    /// <summary>The disks, in no order.</summary>
    public IEnumerable<string> Names => _snapshots.SelectMany(snapshot => snapshot.Disks).Select(disk => disk.Name)
        .Concat(_exports.SelectMany(export => export.Disks).Select(disk => disk.Name)).Distinct(StringComparer.Ordinal);

    /// <summary>All of them, as parts of a sentence.</summary>
    public IReadOnlyList<string> Words =>
    [
        .. _exports.SelectMany(export => export.Disks.Select(disk => Of(export, disk).Words)),
        .. _snapshots.Where(snapshot => snapshot.Owner.Kind != VMServiceOwner.Export).Select(snapshot => Of(snapshot).Words),
    ];

    /// <summary>Who uses a disk, and the command that ends it; null where nobody does.</summary>
    public (string Words, string Command)? UserOf(string disk)
    {
        // What was made for an export ends with that one.
        if (_exports.FirstOrDefault(export => export.Disks.Any(one => one.Name == disk)) is { } export)
            return Of(export, export.Disks.First(one => one.Name == disk));
        return _snapshots.FirstOrDefault(snapshot => snapshot.Disks.Any(one => one.Name == disk)) is { } snapshot ? Of(snapshot) : null;
    }

    /// <summary>
    /// Refuses what has to write to the images of a stopped machine, or to start it, while a storage daemon of ours holds them. Of a machine
    /// that runs nothing is refused.
    /// </summary>
    /// <param name="disks">The disks whose images are to be opened.</param>
    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <exception cref="MomentException"><c>DiskInUse</c>.</exception>
    public void RefuseHeld(IEnumerable<string> disks, string doing)
    {
        foreach (string disk in disks)
        {
            if (_snapshots.FirstOrDefault(snapshot => snapshot.Daemon is { } daemon && snapshot.Disks.Any(one => one.Name == disk) && ServingDaemon.IsAlive(daemon)) is { } held)
                throw RestoreErrors.InUse(doing, disk, Of(held).Words, Of(held).Command);
            if (_exports.FirstOrDefault(export => export.Source is { } source && export.Disks.Any(one => one.Name == disk) && ServingDaemon.IsAlive(source)) is { } served)
                throw RestoreErrors.InUse(doing, disk, Of(served, served.Disks.First(one => one.Name == disk)).Words, Of(served, served.Disks.First(one => one.Name == disk)).Command);
        }
    }

    /// <summary>Who made a node, a bitmap, an export or a filter with this id, by the id alone.</summary>
    public (string Words, string Command)? OfId(string id) =>
        _exports.FirstOrDefault(export => export.Id == id) is { } export ? Of(export, export.Disks[0])
        : _snapshots.FirstOrDefault(snapshot => snapshot.Id == id) is { } snapshot ? Of(snapshot) : null;

    /// <param name="disks">The disks whose images would change.</param>
    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <exception cref="MomentException"><c>DiskInUse</c>.</exception>
    public void Refuse(IEnumerable<string> disks, string doing)
    {
        foreach (string disk in disks)
            if (UserOf(disk) is { } user)
                throw RestoreErrors.InUse(doing, disk, user.Words, user.Command);
    }

    private (string Words, string Command) Of(BlockSnapshotRecord snapshot) => snapshot.Owner is { Kind: VMServiceOwner.Export, ExportId: { } id }
        ? ($"the block export '{id}'", $"Stop-VMBlockExport -VM '{_vm}'")
        : ($"the block snapshot '{snapshot.Name}'", $"Remove-VMBlockSnapshot -VM '{_vm}' -Name '{snapshot.Name}'");

    private (string Words, string Command) Of(BlockExportRecord export, BlockExportRecordDisk disk) =>
        ($"the block export '{disk.ExportName}' at {export.Address}", $"Stop-VMBlockExport -VM '{_vm}' -ExportName '{disk.ExportName}'");
}
