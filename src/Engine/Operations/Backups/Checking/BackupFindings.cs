using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What was found wrong with a machine's backups, as it is found.</summary>
internal sealed class BackupFindings(string vm)
{
    private const int MostListed = 6;
    private readonly List<VMBackupFinding> _findings = [];

    /// <summary>By backup and disk, in the order in which they were found.</summary>
    public IReadOnlyList<VMBackupFinding> All =>
        [.. _findings.OrderBy(finding => finding.BackupId, StringComparer.Ordinal).ThenBy(finding => finding.Disk, StringComparer.Ordinal)];

    /// <param name="backupId">The backup, or "" where it is about the machine's whole directory.</param>
    /// <param name="failure">What is wrong.</param>
    /// <param name="disk">The disk, or null.</param>
    /// <param name="path">The file; null for the failure's target.</param>
    /// <param name="offset">Where in the file or on the disk, or null.</param>
    /// <param name="above">The backups that stand on what is wrong.</param>
    public void Add(string backupId, MomentException failure, string? disk = null, string? path = null, long? offset = null, IReadOnlyList<string>? above = null) =>
        _findings.Add(new VMBackupFinding
        {
            VM = vm,
            BackupId = backupId,
            Disk = disk,
            Id = failure.ErrorId.Name,
            Path = path ?? (failure.Target is { } target && target.StartsWith('/') ? target : null),
            Offset = offset,
            Message = failure.Message + Needed(above),
            Advice = failure.Advice ?? "",
        });

    private static string Needed(IReadOnlyList<string>? above) => above switch
    {
        null or [] => "",
        [string only] => $" The backup {only} stands on it.",
        { Count: <= MostListed } => $" The backups {string.Join(", ", above)} stand on it.",
        _ => $" {above.Count} backups stand on it, from {above[0]} to {above[^1]}.",
    };
}
