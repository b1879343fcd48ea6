using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>Sums what the copying jobs of one backup report.</summary>
internal sealed class BackupProgress(string vm, IReadOnlyList<BackupTarget> targets, IOperationReport report) : IProgress<JobProgress>
{
    private readonly Dictionary<string, JobProgress> _jobs = targets.ToDictionary(target => target.JobId, target => new JobProgress(target.JobId, 0, 0), StringComparer.Ordinal);

    public void Report(JobProgress value)
    {
        lock (_jobs)
        {
            _jobs[value.JobId] = value;
            string disks = string.Join(", ", targets.Where(target => _jobs[target.JobId].Done < _jobs[target.JobId].Total).Select(target => target.Decision.Disk.Name));
            report.Progress(new OperationProgress($"Backing up {vm}", $"{(disks.Length > 0 ? disks : "all disks")}: copying", _jobs.Values.Sum(job => job.Done), _jobs.Values.Sum(job => job.Total)));
        }
    }
}
