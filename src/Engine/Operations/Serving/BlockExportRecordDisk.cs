namespace MomentTools.Operations.Serving;

/// <summary>One export, as its record has it.</summary>
/// <param name="Name">The disk's name.</param>
/// <param name="Number">Its number in the record: part of the names of all that it has in QEMU.</param>
/// <param name="ExportName">The export's name in the NBD protocol.</param>
/// <param name="Node">The node that is served.</param>
/// <param name="Snapshot">The block snapshot that is served, or null.</param>
/// <param name="Since">The moment since which the changed blocks are told, or null.</param>
/// <param name="Context">The metadata context that tells them, or null.</param>
/// <param name="Size">The bytes that can be read.</param>
internal sealed record BlockExportRecordDisk(string Name, int Number, string ExportName, string Node, string? Snapshot, string? Since, string? Context, long Size);
