using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>Refuses to take disks away from jobs, exports and block snapshots that use them; who they are is said at once.</summary>
internal static class BusyDisks
{
    /// <param name="session">The line to the machine.</param>
    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <param name="cancellation">Stops the look.</param>
    /// <exception cref="MomentException"><c>DiskInUse</c>.</exception>
    public static async Task RefuseAsync(BlockSession session, string doing, CancellationToken cancellation)
    {
        QmpJobInfo[] jobs = [.. (await session.Jobs.QueryAsync(cancellation)).Where(job => !job.IsConcluded && job.Type is "backup" or "mirror" or "commit" or "stream")];
        foreach (QmpBlockExport export in await session.Qmp.QueryBlockExportsAsync(cancellation))
            throw RestoreErrors.InUse(doing, Disk(session, export.NodeName), $"the export '{export.Id}' of the node '{export.NodeName}'");
        foreach (QmpBlockDevice device in await session.Qmp.QueryBlockAsync(cancellation))
        {
            if (session.Disks.Values.FirstOrDefault(disk => disk.QomPath is not null && disk.QomPath == device.QomPath) is not { } disk || device.Inserted is not { } medium || medium.NodeName == disk.NodeName)
                continue;
            throw RestoreErrors.InUse(doing, disk.Name, jobs.Length > 0 ? Of(jobs[0]) : medium.Driver == "copy-before-write" ? "a block snapshot" : $"the filter '{medium.NodeName}' ({medium.Driver})");
        }

        if (jobs.Length > 0)
            throw RestoreErrors.InUse(doing, null, Of(jobs[0]));
    }

    private static string Of(QmpJobInfo job) => $"the job '{job.Id}' ({job.Type}, {job.Status})";

    private static string? Disk(BlockSession session, string node) => session.Disks.Values.FirstOrDefault(disk => disk.NodeName == node)?.Name;
}
