using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What block snapshots and block exports of ours a domain's QEMU and its storage daemons really have, by the ids in the names.</summary>
/// <param name="Known">Whether the machine could be asked, or does not run.</param>
/// <param name="Nodes">The nodes of QEMU; none where the machine does not run.</param>
/// <param name="Exports">The exports of QEMU.</param>
/// <param name="ById">The names of what is in QEMU, by id.</param>
/// <param name="Daemons">The storage daemons that serve something of this domain.</param>
internal sealed record ServingTraces(
    bool Known, IReadOnlySet<string> Nodes, IReadOnlySet<string> Exports, IReadOnlyDictionary<string, IReadOnlyList<string>> ById, IReadOnlyList<(HostProcess Process, string Id)> Daemons)
{
    /// <summary>Looks; nothing is changed.</summary>
    public static async Task<ServingTraces> ReadAsync(DomainPlace place, DomainDocument domain, CancellationToken cancellation)
    {
        (HostProcess, string)[] daemons = [.. ServingDaemon.In(place.RuntimeDirectory)];
        HashSet<string> none = [];
        var stopped = new ServingTraces(true, none, none, new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal), daemons);
        MachineProbe machine = MachineProbe.Find(place, domain);
        if (machine.SecondMonitor is not { } monitor)
            return stopped;
        try
        {
            await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
            IReadOnlyList<QmpBlockNode> nodes = await qmp.QueryNamedBlockNodesAsync(cancellation);
            string[] exports = [.. (await qmp.QueryBlockExportsAsync(cancellation)).Where(export => !export.ShuttingDown).Select(export => export.Id)];
            IEnumerable<string> names = nodes.SelectMany(node => node.DirtyBitmaps.Select(bitmap => bitmap.Name).OfType<string>().Prepend(node.NodeName)).Concat(exports);
            return stopped with
            {
                Nodes = nodes.Select(node => node.NodeName).ToHashSet(StringComparer.Ordinal),
                Exports = exports.ToHashSet(StringComparer.Ordinal),
                ById = names.Distinct(StringComparer.Ordinal).Select(name => (Id: IdOf(name), Name: name)).Where(one => one.Id is not null)
                    .GroupBy(one => one.Id!, one => one.Name, StringComparer.Ordinal).ToDictionary(group => group.Key, group => (IReadOnlyList<string>)[.. group.Order(StringComparer.Ordinal)], StringComparer.Ordinal),
            };
        }
        catch (MomentException failure)
        {
            // A machine that has ended has nothing. Why another one cannot be asked is told where its disks are looked at.
            bool ended = failure.ErrorId == QmpErrors.QmpMonitorUnreachable || failure.ErrorId == QmpErrors.QmpConnectionLost;
            return ended && machine.Process is not { IsAlive: true } ? stopped : stopped with { Known = false };
        }
    }

    /// <summary>The id in a name like "mt-bs-ID-0-c", "mt-bs-ID" or "mt-e-ID-0", or null for any other.</summary>
    public static string? IdOf(string name) => name.Split('-') is ["mt", "bs" or "e", { Length: > 0 } id, ..] ? id : null;

    /// <summary>What is in QEMU under this id that nothing needs; a filter that only waits for those above it to go is no such thing.</summary>
    /// <param name="id">An id that no record has.</param>
    /// <param name="recorded">The ids that records have.</param>
    public IReadOnlyList<string> Unneeded(string id, IReadOnlySet<string> recorded)
    {
        IReadOnlyList<string> names = ById[id];
        bool drained = names.Any(name => name.EndsWith("-z", StringComparison.Ordinal) && name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal))
            && names.All(name => name[^2..] is "-c" or "-t" or "-z");
        return drained && ById.Keys.Any(recorded.Contains) ? [] : names;
    }
}
