using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Refuses to take disks away from jobs, exports and block snapshots that use them; who they are is said at once: of ours by their records,
/// of others by what QEMU calls them. What a command of ours reads for a moment is waited for.
/// </summary>
internal static class BusyDisks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Look = TimeSpan.FromMilliseconds(50);

    /// <param name="place">The machine.</param>
    /// <param name="session">The line to it.</param>
    /// <param name="doing">What is refused, as the rest of "Cannot …".</param>
    /// <param name="cancellation">Stops the look.</param>
    /// <exception cref="MomentException"><c>DiskInUse</c>.</exception>
    public static async Task RefuseAsync(DomainPlace place, BlockSession session, string doing, CancellationToken cancellation)
    {
        ServedDisks served = ServedDisks.Of(place);
        served.Refuse(session.Disks.Keys, doing);
        QmpJobInfo[] jobs = [.. (await session.Jobs.QueryAsync(cancellation)).Where(job => !job.IsConcluded && job.Type is "backup" or "mirror" or "commit" or "stream")];
        IReadOnlyList<QmpGraphEdge> graph = await session.Qmp.QueryBlockGraphAsync(cancellation);
        foreach (SessionDisk disk in session.Disks.Values)
            await RefuseAsync(session, disk, served, graph, jobs, doing, cancellation);
        if (jobs.Length > 0)
            throw RestoreErrors.InUse(doing, null, Of(jobs[0]));
    }

    private static async Task RefuseAsync(
        BlockSession session, SessionDisk disk, ServedDisks served, IReadOnlyList<QmpGraphEdge> graph, QmpJobInfo[] jobs, string doing, CancellationToken cancellation)
    {
        HashSet<string> above = Above(disk.NodeName, graph);
        for (long start = Environment.TickCount64; ; await Task.Delay(Look, cancellation))
        {
            QmpBlockExport[] exports = [.. (await session.Qmp.QueryBlockExportsAsync(cancellation)).Where(export => above.Contains(export.NodeName))];
            if (exports.FirstOrDefault(export => !export.Id.StartsWith(SessionExports.ExportPrefix, StringComparison.Ordinal)) is { } export)
                throw Foreign(export.Id, $"the export '{export.Id}' of the node '{export.NodeName}'", $"Invoke-VMQmpCommand block-export-del @{{ id = '{export.Id}' }}");
            if (exports.Length == 0)
                break;
            if (Environment.TickCount64 - start > Patience.TotalMilliseconds)
                throw RestoreErrors.InUse(doing, disk.Name, $"a command of MomentTools that reads it (the export '{exports[0].Id}')");
        }

        if ((await session.Qmp.QueryBlockAsync(cancellation)).FirstOrDefault(device => disk.QomPath is not null && device.QomPath == disk.QomPath)?.Inserted is not { } medium || medium.NodeName == disk.NodeName)
            return;
        if (jobs.FirstOrDefault(job => graph.Any(edge => edge.Parent == job.Id && (edge.Child == medium.NodeName || above.Contains(edge.Child) || edge.Child == disk.NodeName))) is { } job)
            throw RestoreErrors.InUse(doing, disk.Name, Of(job));
        throw Foreign(medium.NodeName, medium.Driver == "copy-before-write" ? $"a block snapshot: the filter '{medium.NodeName}' stands on it" : $"the filter '{medium.NodeName}' ({medium.Driver})", null);

        MomentException Foreign(string name, string words, string? end) => ServingTraces.IdOf(name) is { } id && served.OfId(id) is { } user
            ? RestoreErrors.InUse(doing, disk.Name, user.Words, user.Command)
            : RestoreErrors.InUse(doing, disk.Name, words, ServingTraces.IdOf(name) is null ? end : $"Repair-VMMoment, which removes what is left of it");
    }

    // Whatever reads a node reads those that it stands on.
    private static HashSet<string> Above(string node, IReadOnlyList<QmpGraphEdge> graph)
    {
        HashSet<string> found = new([node], StringComparer.Ordinal);
        var open = new Queue<string>(found);
        while (open.TryDequeue(out string? below))
            foreach (QmpGraphEdge edge in graph.Where(edge => edge.Child == below && edge.Role is "file" or "backing"))
                if (edge.Child == below && found.Add(edge.Parent))
                    open.Enqueue(edge.Parent);
        return found;
    }

    private static string Of(QmpJobInfo job) => $"the job '{job.Id}' ({job.Type}, {job.Status})";
}
