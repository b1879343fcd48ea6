using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>Tells at once, and by name, which job of somebody else works on a disk: QEMU only says later that a node is busy.</summary>
internal static class DiskJobs
{
    /// <exception cref="MomentException"><c>DiskInJob</c>.</exception>
    public static async Task RefuseAsync(BlockSession session, string vm, CancellationToken cancellation)
    {
        QmpJobInfo[] jobs = [.. (await session.Jobs.QueryAsync(cancellation)).Where(job => !job.IsConcluded && job.Status != "null")];
        if (jobs.Length == 0)
            return;
        var nodes = session.Disks.Values.ToDictionary(disk => disk.NodeName, disk => disk.Name, StringComparer.Ordinal);
        ILookup<string, string> used = await UsedAsync(session.Qmp, jobs, cancellation);
        foreach (QmpJobInfo job in jobs)
            if (used[job.Id].Select(nodes.GetValueOrDefault).FirstOrDefault(disk => disk is not null) is { } disk)
                throw SnapshotCreationErrors.InJob(vm, disk, job.Id, job.Type);
    }

    // The nodes that each job holds. Which they are stands in no stable query; without the unstable one every node is taken for held.
    private static async Task<ILookup<string, string>> UsedAsync(QmpClient qmp, QmpJobInfo[] jobs, CancellationToken cancellation)
    {
        try
        {
            JsonElement reply = await qmp.ExecuteAsync("x-debug-query-block-graph", null, cancellation);
            var graph = new QmpValue("x-debug-query-block-graph", reply);
            var names = graph["nodes"].List(node => (Id: node["id"].Int64, Name: node["name"].Text)).ToDictionary(node => node.Id, node => node.Name);
            ILookup<string, string> children = graph["edges"].List(edge => (Parent: names[edge["parent"].Int64], Child: names[edge["child"].Int64]))
                .ToLookup(edge => edge.Parent, edge => edge.Child, StringComparer.Ordinal);
            return jobs.SelectMany(job => Below(job.Id, children).Select(node => (job.Id, Node: node))).ToLookup(pair => pair.Id, pair => pair.Node, StringComparer.Ordinal);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            QmpBlockNode[] all = [.. await qmp.QueryNamedBlockNodesAsync(cancellation)];
            return jobs.SelectMany(job => all.Select(node => (job.Id, node.NodeName))).ToLookup(pair => pair.Id, pair => pair.NodeName, StringComparer.Ordinal);
        }
    }

    // Many a job stands on a filter of its own, and that on the disk.
    private static HashSet<string> Below(string job, ILookup<string, string> children)
    {
        HashSet<string> found = new(StringComparer.Ordinal);
        var open = new Stack<string>(children[job]);
        while (open.TryPop(out string? node))
            if (found.Add(node))
                foreach (string child in children[node])
                    open.Push(child);
        return found;
    }
}
