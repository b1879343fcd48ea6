using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// A backup that whoever owns the disks writes itself: QEMU, or the storage daemon that holds a stopped machine's images. Steps: compare what
/// has to be compared (stopped machines); staging directory; intent; target files; one transaction (checkpoint, private bitmaps, copying
/// jobs); flush and sidecar while the jobs run; close the targets; hash, flush and publish by one rename; metadata. Until the rename a failure
/// or a crash undoes the checkpoint and removes the files; after it the metadata is finished.
/// </summary>
internal sealed class PushBackup(BackupWork work, IOperationReport report)
{
    public async Task<VMBackup> RunAsync(CancellationToken cancellation)
    {
        ChangeScope scope = work.Scope;
        (IReadOnlyDictionary<string, ExtentMap> differing, IReadOnlyList<BackupDecision> decisions) = await CompareAsync(cancellation);
        CheckpointPlan plan = work.Moment is { } moment
            ? CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, work.Tracked, work.Seen) : new CheckpointPlan([], scope.State, new Dictionary<string, string>(StringComparer.Ordinal));
        await using BackupStaging staging = work.Stage(report);
        HashSet<string> alone = await AloneAsync(cancellation);
        BackupJob[] jobs = [.. work.Jobs(staging, decisions, differing).Select(job => job with { StandsAlone = alone.Contains(job.Decision.Disk.NodeName) })];
        using Journal journal = scope.Begin(BackupCreation.Operation, new JsonObject
        {
            ["name"] = work.Moment?.Key.Name ?? work.Id,
            ["steps"] = CheckpointCreation.Json(plan.Steps),
            ["published"] = Path.Combine(work.Directory, work.Id),
            ["commit"] = scope.Store.Difference(scope.State, plan.Next).ToJson(),
        }, plan.Next);
        BackupManifest manifest;
        try
        {
            FirmwareVariables? firmware = await CopyAsync(plan, jobs, journal, cancellation);
            journal.Pass("publish");
            firmware?.Write(staging.Directory);
            manifest = await BackupRecord.MakeAsync(work, jobs, plan.Next, work.Moment?.Created ?? DateTimeOffset.UtcNow, BackupManifest.Push, work.Session.Qmp.Version.ToString(), firmware, cancellation);
            manifest = await staging.PublishAsync(manifest, scope.Domain.ToXml(secure: true), cancellation);
            journal.Pass("published");
        }
        catch (Exception failure)
        {
            bool ended = await MachineEnd.IsCauseAsync(work.Session, scope, failure);
            await work.Session.DisposeAsync();
            await CheckpointUndo.AfterFailureAsync(scope, plan.Steps, journal, report, async (place, domain, steps, id, token) =>
            {
                await CheckpointUndo.RunAsync(place, domain, steps, id, token);
                scope.Store.Segments.Delete([id]);
            });
            if (ended)
                throw BackupErrors.MachineEnded(work.Vm, failure);
            if (failure is MomentException broken && jobs.FirstOrDefault(job => broken.Target is { } at && at.StartsWith(job.Target.NodeName + '-', StringComparison.Ordinal)) is { } of)
                throw OperationErrors.CopyFailed(work.Vm, of.Decision.Disk.Name, of.Target.Path, broken);
            throw;
        }

        scope.Commit(journal, plan.Next);
        return work.ToResult(manifest);
    }

    // The disks of a machine that runs do not stand still: what a comparison would be needed for is stored in full.
    private async Task<(IReadOnlyDictionary<string, ExtentMap> Differing, IReadOnlyList<BackupDecision> Decisions)> CompareAsync(CancellationToken cancellation)
    {
        if (work.Session.IsMachine)
            return (new Dictionary<string, ExtentMap>(StringComparer.Ordinal), [.. work.Decisions.Select(decision => InFull(decision, work.Request.Kind))]);
        await using SessionExports exports = work.Session.OpenExports(cancellation);
        return await ParentComparison.RunAsync(
            work, async decision => await exports.ConnectAsync(decision.Disk.NodeName, [], [NbdContext.BaseAllocation], cancellation), report, cancellation);
    }

    // As QEMU has them: it names what an image stands on by its header or by what was set beneath it.
    private async Task<HashSet<string>> AloneAsync(CancellationToken cancellation) =>
        [.. (await work.Session.Qmp.QueryNamedBlockNodesAsync(cancellation)).Where(node => node is { Driver: "qcow2", BackingFile: null }).Select(node => node.NodeName)];

    private static BackupDecision InFull(BackupDecision decision, VMBackupKind wanted) =>
        !decision.Compare ? decision
        : wanted == VMBackupKind.Incremental ? throw BackupDecision.Unproven(decision.Disk, decision.Reason!)
        : decision with { Parent = null, Compare = false };

    private async Task<FirmwareVariables?> CopyAsync(CheckpointPlan plan, BackupJob[] jobs, Journal journal, CancellationToken cancellation)
    {
        (BlockSession session, ChangeScope scope, BackupRequest request) = (work.Session, work.Scope, work.Request);
        journal.Pass("targets");
        foreach (BackupJob job in jobs)
            await job.Target.OpenAsync(session.Jobs, cancellation);
        string increment = BackupCreation.IncrementBitmap(scope.Id);
        IReadOnlyDictionary<string, Segment> segments = new Dictionary<string, Segment>(StringComparer.Ordinal);
        FirmwareVariables? firmware = null;
        // What sidecars hold, and what a comparison found, is no bitmap in QEMU: it is made one for the time of the transaction.
        BackupJob[] saving = [.. jobs.Where(job => job.Saved.Count > 0)];
        await using (FullMarks marks = await FullMarks.MakeAsync(session, plan.Steps, scope.Id, cancellation))
        await using (AuthoredBitmaps saved = await AuthoredBitmaps.WriteAsync(session, scope.Id, [.. saving.Select(job => (job.Decision.Disk.Name, job.Saved))], cancellation))
        await using (SessionExports exports = session.OpenExports(cancellation))
        {
            var progress = new BackupProgress(work.Vm, jobs.ToDictionary(job => job.Target.JobId, job => job.Decision.Disk.Name, StringComparer.Ordinal), report);
            await session.Jobs.RunAllAsync([.. jobs.Select(job => job.Target.JobId)], async token =>
            {
                journal.Pass("transaction");
                TransactionAction[] actions =
                [
                    .. plan.Steps.SelectMany(marks.Actions),
                    .. jobs.SelectMany(job => job.Actions(increment, Array.IndexOf(saving, job) is >= 0 and var at ? saved.Bitmaps[at] : null, request.SpeedLimit, request.Compress)),
                ];
                await GuestFreeze.HoldAsync([work.Guest], () => session.Qmp.TransactionAsync(actions, token), report, token);
                journal.Pass("capture");
                segments = await SegmentCapture.RunAsync(exports, plan.Steps, work.Seen, token);
                firmware = await FirmwareVariables.ReadAsync(scope.Domain, session.IsMachine, report, token);
                journal.Pass("copying");
            }, progress, cancellation);
            journal.Pass("close targets");
            await FlushAsync(exports, jobs, cancellation);
        }

        // Whoever wrote to a layer meanwhile made the copy one of no instant.
        await LayerAcceptance.VerifyAsync(scope.State, session.Disks.Values, work.Seen, cancellation);
        foreach (BackupJob job in jobs)
            await job.Target.CloseAsync(session.Jobs, cancellation);
        TransactionAction[] copies =
        [
            .. plan.Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!)),
            .. jobs.Where(job => job.Decision.Kind == VMBackupKind.Incremental).Select(job => TransactionAction.BitmapRemove(job.Decision.Disk.NodeName, increment)),
        ];
        if (copies.Length > 0)
            await session.Qmp.TransactionAsync(copies, cancellation);
        journal.Pass("sidecar");
        if (segments.Count > 0)
            scope.Store.Segments.Write(scope.Id, segments);
        await session.CloseAsync(cancellation);
        return firmware;
    }

    // A QEMU that cannot write a file's tables when it closes it tells nobody, and clusters would be missing: a flush writes them, and fails.
    private async Task FlushAsync(SessionExports exports, BackupJob[] jobs, CancellationToken cancellation)
    {
        foreach (BackupJob job in jobs)
        {
            NbdClient client = await exports.ConnectAsync(job.Target.NodeName, [], [], cancellation);
            try
            {
                await client.FlushAsync(cancellation);
            }
            catch (MomentException failure) when (failure.PeerErrorNumber is not null)
            {
                throw OperationErrors.CopyFailed(work.Vm, job.Decision.Disk.Name, job.Target.Path, failure);
            }
        }
    }
}
