using System.Globalization;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Health;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// What Repair-VMMoment does about block snapshots and block exports. What is over goes as it does before any change; what has no record is
/// taken out of QEMU by its id; pinned points that nothing holds are let go. Each step can be done again.
/// </summary>
internal static class ServingRepair
{
    public static bool Is(VMMomentFinding finding) => finding.Id is FindingIds.ServiceEnded or FindingIds.ServiceLeftover or FindingIds.PointPinned;

    /// <summary>What would be done.</summary>
    public static VMMomentRepair Plan(VMMomentFinding finding) => new()
    {
        Finding = finding,
        Action = finding.Id switch
        {
            FindingIds.ServiceEnded => "What is left of it in QEMU and of its files is taken down, and its record with it.",
            FindingIds.PointPinned => $"The points of disk '{finding.Disk}' are let go.",
            _ => $"What there is under the id '{finding.Layer}' is removed.",
        },
    };

    /// <summary>What is over: it goes before anything else is looked at, as it does before every change.</summary>
    public static async Task<IReadOnlyList<VMMomentFinding>> EndedAsync(DomainCatalogue catalogue, string vm, CancellationToken cancellation)
    {
        DomainPlace place = catalogue.Place(vm);
        if (!new ServiceRecords(place.StateDirectory).Any)
            return [];
        var found = new FindingList(vm);
        await ServingCheck.RunAsync(place, catalogue.Load(place), new MomentStore(place.StateDirectory).Load(_ => { }), look: true, found, cancellation);
        return [.. found.All.Where(finding => finding.Id == FindingIds.ServiceEnded)];
    }

    /// <summary>Does it; what is over has been taken down already when the domain was opened for the change.</summary>
    public static async Task<IReadOnlyList<VMMomentRepair>> RunAsync(ChangeScope scope, IReadOnlyList<VMMomentFinding> findings, CancellationToken cancellation)
    {
        foreach (VMMomentFinding finding in findings.Where(finding => finding.Id == FindingIds.ServiceLeftover))
            await RemoveAsync(scope, finding.Layer!, cancellation);
        if (findings.Any(finding => finding.Id == FindingIds.PointPinned))
            Unpin(scope, [.. findings.Where(finding => finding.Id == FindingIds.PointPinned).Select(finding => finding.Disk!)]);
        return [.. findings.Select(Plan)];
    }

    private static async Task RemoveAsync(ChangeScope scope, string id, CancellationToken cancellation)
    {
        if (ServingDaemon.In(scope.Place.RuntimeDirectory).Any(daemon => daemon.Id == id))
            await ServingDaemon.EndUnrecordedAsync(scope.Place.RuntimeDirectory, id, cancellation);
        ServingTraces traces = await ServingTraces.ReadAsync(scope.Place, scope.Domain, cancellation);
        if (!traces.ById.TryGetValue(id, out IReadOnlyList<string>? names))
            return;
        await using QmpClient? machine = await MachineProbe.TryConnectAsync(scope.Place, scope.Domain, BlockAccess.Change, cancellation);
        if (machine is null)
            return;
        foreach (string export in names.Where(traces.Exports.Contains))
            await machine.BlockExportDelAsync(export, hard: true, cancellation);
        int[] numbers = [.. names.Where(name => name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal)).Select(name => name.Split('-')).Where(parts => parts.Length > 3)
            .Select(parts => int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1).Where(number => number >= 0).Distinct().Order()];
        await new BlockSnapshotGraph(machine).RemoveAsync(id, [.. numbers.Select(number => new BlockSnapshotNodes(id, number))]);
        // Nodes that contexts of exports were on.
        foreach (string node in names.Where(name => !name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal) && traces.Nodes.Contains(name)))
            await machine.BlockdevDelAsync(node, cancellation);
        await PrivateServer.StopIfLastAsync(machine, scope.Place.RuntimeDirectory, cancellation);
    }

    private static void Unpin(ChangeScope scope, IReadOnlyCollection<string> disks)
    {
        DomainMoments next = scope.State;
        foreach ((string disk, IReadOnlyList<string> points) in ServingCheck.Unheld(scope.State, new ServiceRecords(scope.Place.StateDirectory).Snapshots(_ => { })).Where(one => disks.Contains(one.Disk, StringComparer.Ordinal)))
            foreach (string point in points)
                next = next.With(next.Disk(disk).Unpin(point));
        if (ReferenceEquals(next, scope.State))
            return;
        scope.Renew();
        using Journal journal = scope.Begin(MomentRepair.Operation, MomentRepair.NothingToUndo(), next);
        scope.Commit(journal, next);
    }
}
