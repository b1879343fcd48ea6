using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What is there when exports are planned.</summary>
/// <param name="Domain">The machine.</param>
/// <param name="State">Its moments.</param>
/// <param name="Runs">Whether its QEMU runs.</param>
/// <param name="Snapshots">Its block snapshots.</param>
/// <param name="Exports">Its block exports.</param>
/// <param name="Backup">The disks of the backup that is meant; null: none is.</param>
internal sealed record ExportSurroundings(
    DomainDocument Domain, DomainMoments State, bool Runs, IReadOnlyList<BlockSnapshotRecord> Snapshots, IReadOnlyList<BlockExportRecord> Exports, IReadOnlyList<string>? Backup)
{
    public BlockSnapshotRecord Snapshot(string name) =>
        Snapshots.FirstOrDefault(record => record.Name == name) ?? throw ServingErrors.NotFound(Domain.Name, name, [.. Snapshots.Select(record => record.Name)]);
}
