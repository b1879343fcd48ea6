using System.Diagnostics;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>Sums what the copying jobs of one backup report.</summary>
/// <param name="vm">The machine.</param>
/// <param name="disks">The disk that each job copies.</param>
/// <param name="report">Where it is told.</param>
internal sealed class BackupProgress(string vm, IReadOnlyDictionary<string, string> disks, IOperationReport report) : IProgress<JobProgress>
{
    private readonly Dictionary<string, JobProgress> _jobs = disks.Keys.ToDictionary(job => job, job => new JobProgress(job, 0, 0), StringComparer.Ordinal);
    private readonly TransferRate _rate = new();

    public void Report(JobProgress value)
    {
        lock (_jobs)
        {
            _jobs[value.JobId] = value;
            string copying = string.Join(", ", disks.Where(disk => _jobs[disk.Key].Done < _jobs[disk.Key].Total).Select(disk => disk.Value));
            (long done, long total) = (_jobs.Values.Sum(job => job.Done), _jobs.Values.Sum(job => job.Total));
            _rate.Add(Stopwatch.GetElapsedTime(0), done);
            report.Progress(new OperationProgress($"Backing up {vm}", $"{(copying.Length > 0 ? copying : "all disks")}: copying", done, total) { Remaining = _rate.Remaining(total) });
        }
    }
}
