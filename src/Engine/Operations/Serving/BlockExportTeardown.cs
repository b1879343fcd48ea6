using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Takes exports down, from any state between their start and their end: first what is public, then what it stood on. What is gone is
/// passed over, so it can be done again. The block snapshot that was made for them is not theirs to remove.
/// </summary>
internal static class BlockExportTeardown
{
    /// <summary>Takes all that is there of some exports down; that their record is gone afterwards is up to the caller.</summary>
    /// <param name="place">The domain's place.</param>
    /// <param name="traces">What may be there.</param>
    /// <param name="machine">The machine's QEMU; null where none runs.</param>
    /// <param name="cancellation">Stops the wait for a storage daemon's end.</param>
    /// <returns>Whether a storage daemon of their own had to be killed: what it had not written yet is lost then.</returns>
    public static async Task<bool> RunAsync(DomainPlace place, ExportTraces traces, QmpClient? machine, CancellationToken cancellation)
    {
        await EndRelayAsync(place, traces, cancellation);
        // All that a storage daemon of their own serves goes with it, even where it does not answer any more.
        if (traces is { EndsSource: true, Source: { } own })
            return await ServingDaemon.EndAsync(own, cancellation);
        if (traces.EndsSource)
        {
            await ServingDaemon.EndUnrecordedAsync(place.RuntimeDirectory, traces.SourceId, cancellation);
        }
        else if (traces.Source is { } daemon)
        {
            await using ServingDaemon? source = await ServingDaemon.FindAsync(daemon, cancellation);
            if (source is not null)
                await RemoveAsync(source.Qmp, place, traces, cancellation);
        }
        else if (machine is not null)
        {
            await RemoveAsync(machine, place, traces, cancellation);
        }

        return false;
    }

    private static async Task EndRelayAsync(DomainPlace place, ExportTraces traces, CancellationToken cancellation)
    {
        if (traces.EndsRelay)
        {
            if (traces.Relay is null)
                await ServingDaemon.EndUnrecordedAsync(place.RuntimeDirectory, traces.Id, cancellation);
            await Relay.EndAsync(traces.Relay, traces.Socket is { } socket ? new UnixNbdAddress(socket) : null, cancellation);
        }
        else if (traces.Relay is { } shared)
        {
            await using ServingDaemon? relay = await ServingDaemon.FindAsync(shared, cancellation);
            if (relay is not null)
                await Relay.RemoveAsync(relay, [.. traces.Numbers.Select(number => PlannedExport.ExportId(traces.Id, number))], cancellation);
        }
    }

    private static async Task RemoveAsync(QmpClient qmp, DomainPlace place, ExportTraces traces, CancellationToken cancellation)
    {
        HashSet<string> exports = [.. traces.Numbers.Select(number => PlannedExport.ExportId(traces.Id, number))];
        HashSet<string> contexts = [.. traces.Numbers.Select(number => PlannedExport.ContextNode(traces.Id, number))];
        // A process that died while it wrote a context left the node, and an export of it.
        string unfinished = $"mt-{traces.Id}-";
        try
        {
            foreach (QmpBlockExport export in await qmp.QueryBlockExportsAsync(cancellation))
                if (exports.Contains(export.Id) || contexts.Contains(export.NodeName) || export.NodeName.StartsWith(unfinished, StringComparison.Ordinal))
                    await qmp.BlockExportDelAsync(export.Id, hard: true, cancellation);
            foreach (QmpBlockNode node in await qmp.QueryNamedBlockNodesAsync(cancellation))
            {
                if (!contexts.Contains(node.NodeName) && !node.NodeName.StartsWith(unfinished, StringComparison.Ordinal))
                    continue;
                // QEMU 7.2 aborts when a node goes whose bitmap somebody still shows.
                if (node.DirtyBitmaps.Any(bitmap => bitmap.Busy))
                    throw Snapshots.RestoreErrors.InUse($"end the exports of '{place.Name}'", null, $"somebody who uses a bitmap of the node '{node.NodeName}'");
                await qmp.BlockdevDelAsync(node.NodeName, cancellation);
            }

            await PrivateServer.StopIfLastAsync(qmp, place.RuntimeDirectory, cancellation);
        }
        catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpConnectionLost)
        {
            // All of it went with the process that had it.
        }
    }
}
