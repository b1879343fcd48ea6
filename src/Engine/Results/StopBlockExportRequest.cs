namespace MomentTools;

/// <summary>Which block exports of a machine to stop: those that match everything given, so all where nothing is.</summary>
public sealed record StopBlockExportRequest
{
    /// <summary>Only of these disks, or empty.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>Only those of these names, or empty.</summary>
    public IReadOnlyList<string> ExportNames { get; init; } = [];

    /// <summary>Only those at this address, or null.</summary>
    public string? Address { get; init; }

    /// <summary>A <c>&lt;domainblockexport&gt;</c> document that names address, disks and exports, or null; what it says of snapshots and checkpoints is ignored.</summary>
    public string? Xml { get; init; }

    /// <summary>The file with the document, in place of <see cref="Xml"/>, or null.</summary>
    public string? XmlPath { get; init; }
}
