namespace MomentTools.Operations.Serving;

/// <summary>One disk that somebody wants to have served.</summary>
/// <param name="Disk">The disk's name.</param>
/// <param name="Snapshot">The block snapshot, or null.</param>
/// <param name="Since">The moment since which changes are to be told, or null.</param>
/// <param name="ExportName">The export's name, or null: the usual one.</param>
/// <param name="Writable">Whether clients may write.</param>
internal sealed record AskedExport(string Disk, string? Snapshot, string? Since, string? ExportName, bool Writable);
