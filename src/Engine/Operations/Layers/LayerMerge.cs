using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Merges a layer into the one beneath. Steps: sidecars of all closed segments of both; what is recorded of the files that will be written is
/// taken back; intent, with the whole change of the metadata; the job, held at its end, where a guest's writes wait; bitmaps, in one transaction;
/// the note that the lower layer has everything; the end of the job; backing names of what stood on the layer; metadata. The merged layer's
/// file is never written. Until the note nothing has changed for whoever reads the disk, whatever dies; after it the merge is finished.
/// </summary>
internal sealed class LayerMerge(ChangeScope scope, string disk, IOperationReport report)
{
    public const string Operation = "layer-merge";

    public async Task RunAsync(TrackingLayer into, TrackingLayer child, CancellationToken cancellation)
    {
        LayerSession? live = await LayerSession.TryMachineAsync(scope, disk, child.Path, cancellation);
        try
        {
            IReadOnlySet<string> freed = await PrepareAsync(into, child, live?.Session, cancellation);
            if (live is null)
                await LayerFit.RunAsync(scope, disk, Layer(into), Layer(child), freed, cancellation);
            await using LayerSession layers = live ?? await LayerSession.OverDaemonAsync(scope, disk, Layer(child), BlockAccess.Read, cancellation);
            await MergeAsync(layers, Layer(into), Layer(child), freed, cancellation);
        }
        finally
        {
            if (live is not null)
                await live.DisposeAsync();
        }

        await LayerThaw.RestoreAsync(scope, disk, cancellation);
    }

    private TrackingLayer Layer(TrackingLayer layer) => scope.State.Disk(disk).Layers[layer.Id];

    private async Task<IReadOnlySet<string>> PrepareAsync(TrackingLayer into, TrackingLayer child, BlockSession? machine, CancellationToken cancellation)
    {
        var rescue = new SidecarRescue(scope, disk, machine);
        DiskTracking tracking = scope.State.Disk(disk);
        HashSet<string> freed = [.. tracking.Points.Values.Select(point => point.Moment).OfType<MomentKey>().Where(moment => moment.Kind == MomentKind.Checkpoint).Select(moment => moment.Name)];
        foreach (TrackingLayer layer in (TrackingLayer[])[into, child])
        {
            (tracking, IReadOnlyList<string> names) = await rescue.RunAsync(tracking, layer, cancellation);
            freed.UnionWith(names);
        }

        LayerThaw.Run(scope, tracking, into, [.. tracking.ChildrenOf(child.Id)]);
        return freed;
    }

    private async Task MergeAsync(LayerSession layers, TrackingLayer into, TrackingLayer child, IReadOnlySet<string> freed, CancellationToken cancellation)
    {
        DiskTracking tracking = scope.State.Disk(disk);
        var bitmaps = new MergedBitmaps(tracking, child, $"mt-{MomentIds.New()}-m", MomentIds.New());
        ChainNodes nodes = await layers.NodesAsync(cancellation);
        QmpBlockNode from = nodes.Require(child.Path), target = nodes.Require(into.Path);
        bool raw = target.Driver != "qcow2";
        DomainMoments next = scope.State.With(bitmaps.Next(into with { Facts = await FactsAsync(into.Path, target.Driver, cancellation) }, raw, bitmaps.Doubt(MergedBitmaps.Seen(from))));
        (string Path, string? Content)[] definition = scope.Domain.FindDisk(disk)?.SourcePath is { } active && ImageLink.IsSame(active, child.Path)
            ? [(DomainCatalogue.DocumentName, scope.Domain.WithDiskSource(disk, into.Path, target.Driver).ToXml(secure: true))] : [];
        string[] above = [.. tracking.ChildrenOf(child.Id).Select(layer => layer.Path)];
        string jobId = $"mt-{MomentIds.New()}-merge";
        var intent = new JsonObject
        {
            ["disk"] = disk,
            ["job"] = jobId,
            ["from"] = child.Path,
            ["into"] = into.Path,
            ["format"] = target.Driver,
            ["above"] = new JsonArray([.. above.Select(path => (JsonNode)path)]),
            ["commit"] = WithFiles(scope.ChangesTo(next), definition).ToJson(),
        };
        using Journal journal = scope.Begin(Operation, intent, next);
        Journal? decided = null;
        try
        {
            QmpJobs jobs = layers.Session.Jobs;
            await PendingJob.ReachAsync(jobs, jobId, token => layers.CommitAsync(jobId, from, target, into.Path, token), () => FreeAsync(layers, into, freed), new MergeProgress(scope.Place.Name, disk, child.Path, into.Path, report), cancellation);
            journal.Pass("pending");
            await MoveBitmapsAsync(layers, bitmaps, child, into, freed, jobId);
            journal.Pass("bitmaps");
            // Where a guest writes it does so into the lower layer as soon as the job has ended: that must be known before.
            if (layers.IsLive)
                decided = MergeNote.Write(scope, journal.Id);
            await PendingJob.FinishAsync(jobs, jobId);
            journal.Pass("finished");
            if (await layers.CloseAsync(from.NodeName, into.Path) is { } open)
                report.Warning($"The layer '{child.Path}' of disk '{disk}' was merged, but QEMU still has it open: {open} Its file stays until that is over.");
            if (!layers.IsLive && !raw && await ImageCommand.CheckAsync(into.Path, shared: false, cancellation) is { } words)
                throw LayerErrors.Damaged(disk, into.Path, words);
            decided ??= MergeNote.Write(scope, journal.Id);
            await RenameBackingAsync(disk, above, into.Path, target.Driver);
            journal.Pass("rebased");
        }
        catch (Exception failure)
        {
            bool undone = decided is null || failure is MomentException { ErrorId.Name: nameof(QmpErrors.QmpJobFailed) };
            if (undone)
            {
                decided?.End();
                journal.End();
            }

            decided?.Dispose();
            if (failure is MomentException refused && (refused.ErrorId == QmpErrors.QmpJobFailed || refused.ErrorId == QmpErrors.QmpCommandFailed))
                throw LayerErrors.MergeFailed(disk, child.Path, into.Path, refused);
            throw;
        }

        using (decided)
        {
            scope.Commit(journal, next, definition);
            decided.End();
        }

        if (raw && bitmaps.Branch is not null)
            report.Warning($"Disk '{disk}' of '{scope.Place.Name}' stands on the raw image '{into.Path}' alone now, which can hold no bitmaps: nothing is recorded on it any more. Its past moments can still be compared.");
    }

    // Each of a thousand old bitmaps takes its time: a guest does not wait for that. Their segments are in sidecars.
    private static async Task FreeAsync(LayerSession layers, TrackingLayer into, IReadOnlySet<string> freed) =>
        await ApplyAsync(layers, MergedBitmaps.Removals((await layers.NodesAsync(CancellationToken.None)).Require(into.Path), freed));

    private static async Task ApplyAsync(LayerSession layers, IEnumerable<TransactionAction> actions)
    {
        if (actions.ToArray() is { Length: > 0 } some)
            await layers.Session.Qmp.TransactionAsync(some, CancellationToken.None);
    }

    private static async Task MoveBitmapsAsync(LayerSession layers, MergedBitmaps bitmaps, TrackingLayer child, TrackingLayer into, IReadOnlySet<string> freed, string jobId)
    {
        try
        {
            // What they are at this instant: the lower layer has grown to the upper one's size meanwhile.
            ChainNodes nodes = await layers.NodesAsync(CancellationToken.None);
            QmpBlockNode from = nodes.Require(child.Path), target = nodes.Require(into.Path);
            await ApplyAsync(layers, MergedBitmaps.Removals(target, freed));
            await ApplyAsync(layers, bitmaps.Additions(from, target));
        }
        catch
        {
            if (!layers.Session.Qmp.Closed.IsCompleted)
                await layers.Session.Jobs.CancelAsync(jobId, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Makes images that stood on a merged layer name the one that has its content now; what QEMU had open does so already.</summary>
    internal static async Task RenameBackingAsync(string disk, IEnumerable<string> above, string into, string format)
    {
        foreach (string path in above)
        {
            Qcow2.Qcow2Header header = await DiskChain.HeaderAsync(path, CancellationToken.None);
            if (header.BackingFile == into && header.BackingFormat == format)
                continue;
            await ImageCommand.RebaseAsync(disk, path, into, format);
            Files.DurableFile.FlushFile(path);
        }
    }

    // What a guest writes to, or what is written down once it is at rest, has no length and no time yet.
    private static async Task<LayerFacts> FactsAsync(string path, string format, CancellationToken cancellation)
    {
        SeenLayer seen = (await LayerReading.ChainAsync(path, format, cancellation))[0];
        return (seen.Facts ?? throw seen.Trouble!) with { Length = null, Modified = null };
    }

    private static FileChanges WithFiles(FileChanges changes, (string Path, string? Content)[] files)
    {
        var all = new Dictionary<string, string?>(changes.Files, StringComparer.Ordinal);
        foreach ((string path, string? content) in files)
            all[path] = content;
        return new FileChanges(all);
    }
}
