using MomentTools.Operations.Backups.Making;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>Sums what the copying jobs of one backup report.</summary>
internal sealed class BackupProgress(string vm, IReadOnlyList<BackupJob> jobs, IOperationReport report) : IProgress<JobProgress>
{
    private readonly Dictionary<string, JobProgress> _jobs = jobs.ToDictionary(job => job.Target.JobId, job => new JobProgress(job.Target.JobId, 0, 0), StringComparer.Ordinal);

    public void Report(JobProgress value)
    {
        lock (_jobs)
        {
            _jobs[value.JobId] = value;
            string disks = string.Join(", ", jobs.Where(job => _jobs[job.Target.JobId].Done < _jobs[job.Target.JobId].Total).Select(job => job.Decision.Disk.Name));
            report.Progress(new OperationProgress($"Backing up {vm}", $"{(disks.Length > 0 ? disks : "all disks")}: copying", _jobs.Values.Sum(job => job.Done), _jobs.Values.Sum(job => job.Total)));
        }
    }
}
