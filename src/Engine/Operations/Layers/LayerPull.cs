using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Lets a layer take over what it reads from the one beneath, so that it no longer stands on that. Its recording bitmap does not notice. Steps:
/// what is recorded of the layer's file is taken back; intent, with the whole change of the metadata; the job, at whose end QEMU gives the layer its
/// new backing name; metadata. Until that name has changed everything reads as before, and after it as well; so the name tells how far it came.
/// </summary>
internal sealed class LayerPull(ChangeScope scope, string disk, IOperationReport report)
{
    public const string Operation = "layer-pull";

    public async Task RunAsync(TrackingLayer from, TrackingLayer child, CancellationToken cancellation)
    {
        LayerSession? live = await LayerSession.TryMachineAsync(scope, disk, child.Path, cancellation);
        try
        {
            (DiskTracking prepared, _) = await new SidecarRescue(scope, disk, live?.Session).RunAsync(scope.State.Disk(disk), from, cancellation);
            LayerThaw.Run(scope, prepared, null, [child]);
            await using LayerSession layers = live ?? await LayerSession.OverDaemonAsync(scope, disk, child, BlockAccess.Change, cancellation);
            await PullAsync(layers, from, child, cancellation);
        }
        finally
        {
            if (live is not null)
                await live.DisposeAsync();
        }

        await LayerThaw.RestoreAsync(scope, disk, cancellation);
    }

    /// <summary>After a crash: the layer's own backing name tells whether the pull had come to its end. True where it was finished.</summary>
    public static async Task<bool> ResolveAsync(DomainPlace place, Xml.DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        if (MachineProbe.Find(place, domain).Monitor is { } monitor)
        {
            try
            {
                await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
                var jobs = new QmpJobs(qmp);
                await jobs.CancelAsync((string)entry.Intent["job"]!, cancellation);
            }
            catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpMonitorUnreachable)
            {
                // It does not run: its jobs are gone as well.
            }
        }

        Qcow2Header header = await DiskChain.HeaderAsync((string)entry.Intent["layer"]!, cancellation);
        if (header.BackingFile != (string?)entry.Intent["backing"])
        {
            Journal.Remove(entry.Path);
            return false;
        }

        Journal.Redo(place.StateDirectory, entry.AsIntended());
        return true;
    }

    /// <summary>The intent and the job. The caller closes the images, and commits.</summary>
    /// <param name="scope">The domain.</param>
    /// <param name="layers">The line to whoever has the images open.</param>
    /// <param name="path">The layer.</param>
    /// <param name="backing">What it stands on afterwards; null: on nothing.</param>
    /// <param name="next">The moments afterwards.</param>
    /// <param name="progress">How far it is.</param>
    /// <param name="refused">The error where QEMU refuses the job, or it fails.</param>
    /// <param name="cancellation">Cancels the job.</param>
    /// <returns>The journal, for the caller to commit.</returns>
    public static async Task<Journal> StreamAsync(
        ChangeScope scope, LayerSession layers, string path, string? backing, DomainMoments next, IProgress<JobProgress> progress,
        Func<MomentException, MomentException> refused, CancellationToken cancellation)
    {
        ChainNodes nodes = await layers.NodesAsync(cancellation);
        string node = nodes.Require(path).NodeName, jobId = $"mt-{MomentIds.New()}-pull";
        Journal journal = scope.Begin(Operation, new JsonObject { ["layer"] = path, ["backing"] = backing, ["job"] = jobId, ["commit"] = scope.ChangesTo(next).ToJson() }, next);
        try
        {
            await PendingJob.ReachAsync(
                layers.Session.Jobs, jobId, token => layers.Session.Qmp.BlockStreamAsync(jobId, node, backing is null ? null : nodes.Require(backing).NodeName, backing, token), null, progress, cancellation);
            journal.Pass("pending");
            await layers.FinishStreamAsync(jobId, node);
            journal.Pass("finished");
            return journal;
        }
        catch (Exception failure)
        {
            using (journal)
                if ((await DiskChain.HeaderAsync(path, CancellationToken.None)).BackingFile != backing)
                    journal.End();
            if (failure is MomentException known && (known.ErrorId == QmpErrors.QmpJobFailed || known.ErrorId == QmpErrors.QmpCommandFailed))
                throw refused(known);
            throw;
        }
    }

    private async Task PullAsync(LayerSession layers, TrackingLayer from, TrackingLayer child, CancellationToken cancellation)
    {
        DiskTracking tracking = scope.State.Disk(disk);
        // From the file, not from metadata: what it stood on before it had moments may be known to nobody.
        Qcow2Header? below = from.Facts?.Format == "raw" ? null : await DiskChain.HeaderAsync(from.Path, cancellation);
        string? backing = below?.BackingFile is { } name ? BackingName.Resolve(from.Path, name) : null;
        TrackingLayer next = tracking.Layers[child.Id];
        next = next with { BackingId = from.BackingId, Facts = next.Facts is { } facts ? facts with { BackingFile = backing, BackingFormat = backing is null ? null : below!.BackingFormat } : null };
        DomainMoments state = scope.State.With(tracking.WithLayer(next));
        using Journal journal = await StreamAsync(
            scope, layers, child.Path, backing, state, new MergeProgress(scope.Place.Name, disk, from.Path, child.Path, report),
            refused => LayerErrors.MergeFailed(disk, from.Path, child.Path, refused), cancellation);
        await layers.Session.CloseAsync(CancellationToken.None);
        DurableFile.FlushFile(child.Path);
        scope.Commit(journal, state);
    }
}
