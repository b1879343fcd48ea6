using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>A running machine after a snapshot that was not decided: what it has, what of ours is put away, and that it goes on.</summary>
internal static class SnapshotMachine
{

    /// <summary>Ends what is under way and puts it away.</summary>
    /// <returns>Whether the transaction happened; null where no machine runs.</returns>
    public static async Task<bool?> SettleAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, SnapshotStep[] steps, CancellationToken cancellation)
    {
        MachineProbe machine = MachineProbe.Find(place, domain);
        if (machine.Monitor is not { } monitor)
            return null;
        bool happened;
        try
        {
            await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
            await EndMigrationAsync(qmp, cancellation);
            happened = await HappenedAsync(qmp, steps, cancellation);
            await Leftovers.RemoveExportsAsync(qmp, cancellation);
            // What the machine works on stays; what the marks were made with goes.
            await Leftovers.RemoveJobsAsync(qmp, new QmpJobs(qmp), happened ? entry.Id + "m" : entry.Id, cancellation);
            await RemoveCopiesAsync(qmp, steps, "mt-tmp-" + entry.Id, cancellation);
        }
        // An attached machine that still runs somehow holds its images' locks: opening them tells.
        catch (MomentException failure) when ((failure.ErrorId == QmpErrors.QmpMonitorUnreachable || failure.ErrorId == QmpErrors.QmpConnectionLost) && machine.Process is not { IsAlive: true })
        {
            return null;
        }

        await GoOnAsync(place, happened ? SnapshotStep.Definition(domain, steps) : domain, entry, happened, cancellation);
        return happened;
    }

    // The new layer is under the device, or the old one has been frozen.
    private static async Task<bool> HappenedAsync(QmpClient qmp, SnapshotStep[] steps, CancellationToken cancellation)
    {
        IReadOnlyList<QmpBlockDevice> devices = await qmp.QueryBlockAsync(cancellation);
        var nodes = (await qmp.QueryNamedBlockNodesAsync(cancellation)).ToDictionary(node => node.NodeName, StringComparer.Ordinal);
        return steps.Any(step => devices.Any(device => device.Inserted?.NodeName == step.Overlay.NodeName)
            || nodes.ContainsKey(step.Overlay.NodeName) && nodes.GetValueOrDefault(step.Node) is { ReadOnly: true });
    }

    private static async Task EndMigrationAsync(QmpClient qmp, CancellationToken cancellation)
    {
        if (await qmp.QueryMigrateAsync(cancellation) is { Status: "none" })
            return;
        await MigrationEnd.WaitAsync(qmp, cancellation);
        await MigrationSettings.ResetAsync(qmp, cancellation);
    }

    private static async Task RemoveCopiesAsync(QmpClient qmp, SnapshotStep[] steps, string copy, CancellationToken cancellation)
    {
        foreach (QmpBlockNode node in await qmp.QueryNamedBlockNodesAsync(cancellation))
            if (steps.Any(step => step.Overlay.NodeName == node.NodeName) && node.DirtyBitmaps.Any(bitmap => bitmap.Name == copy))
                await qmp.BitmapRemoveAsync(node.NodeName, copy, cancellation);
    }

    private static async Task GoOnAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, bool happened, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [], BlockAccess.Change, cancellation);
        if (!session.IsMachine)
            return;
        QmpStatus status = await session.Qmp.QueryStatusAsync(cancellation);
        bool ran = (bool)entry.Intent["stops"]!, halted = happened && (bool)entry.Intent["halts"]!;
        if (!status.Running && ran && !halted && status.Status is "paused" or "postmigrate" or "finish-migrate")
            await session.Qmp.ContAsync(cancellation);
        else if (!status.Running && status.Status == "postmigrate")
            await MemorySaving.GoOnAsync(session, run: false, cancellation);
    }
}
