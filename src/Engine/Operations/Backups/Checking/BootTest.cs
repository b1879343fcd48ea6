using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>Test-VMBackup -Boot: each backup is started, one after the other. What was found damaged is not started.</summary>
/// <param name="boot">Starts one.</param>
/// <param name="findings">What was found before, and where what is found goes.</param>
/// <param name="report">Where it is told what is left out.</param>
internal sealed class BootTest(BackupBoot boot, BackupFindings findings, IOperationReport report)
{
    /// <param name="backups">All backups of the machine that can be read.</param>
    /// <param name="tested">Those to start, with all their disks.</param>
    /// <param name="request">What the sign of life is, and how long to wait for it.</param>
    /// <param name="cancellation">Stops it; no machine is left.</param>
    public async Task RunAsync(IReadOnlyList<BackupManifest> backups, IReadOnlyList<BackupManifest> tested, TestBackupRequest request, CancellationToken cancellation)
    {
        HashSet<string> harmed = new(findings.All.Select(finding => finding.BackupId), StringComparer.Ordinal);
        foreach (BackupManifest backup in tested)
        {
            try
            {
                BackupChain[] chains = [.. backup.Disks.Select(disk => BackupChain.Resolve(backups, backup, disk.Name))];
                if (chains.SelectMany(chain => chain.Links).Any(link => harmed.Contains(link.Backup.Id)))
                    report.Warning($"The backup {backup.Id} of '{backup.Vm}' was not started: something is wrong with it, or with what it stands on.");
                else if (await boot.RunAsync(backup, chains, request.BootText, request.BootTimeout, cancellation) is { } failure)
                    findings.Add(backup.Id, failure);
            }
            catch (MomentException failure)
            {
                // What was found of the others is worth telling all the same.
                findings.Add(backup.Id, failure);
            }
        }
    }
}
