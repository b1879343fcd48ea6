using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Making;
using MomentTools.Operations.Serving;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Backup-VMDomain by push. Steps: decide per disk; staging directory and target files; intent; one transaction (checkpoint, private
/// bitmaps, copying jobs); flush and sidecar while the jobs run; close the targets; hash, flush and publish by one rename; metadata.
/// Until the rename a failure or a crash undoes the checkpoint and removes the files; after it the metadata is finished.
/// </summary>
internal sealed class BackupCreation(EngineContext context)
{
    public const string Operation = "backup";

    public static string IncrementBitmap(string operationId) => $"mt-inc-{operationId}";

    /// <summary>Whether an interrupted backup had come to be.</summary>
    public static bool IsPublished(JsonObject intent) => Directory.Exists((string)intent["published"]!);

    public async Task<VMBackup> RunAsync(string vm, BackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Backup-VMDomain", report, cancellation);
        string[] disks = [.. Chosen(scope.Domain, request.Disks, report)];
        string[] tracked = Tracked(scope.Domain, disks);
        await BitmapCapability.RequireAsync(scope.Domain, tracked, cancellation);
        ServedDisks.Of(scope.Place).RefuseHeld(disks, $"back up '{vm}'");
        // The disks first: where they cannot be had, no repository is begun.
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        foreach (string difference in session.Differences)
            report.Warning(difference);
        await using GuestFreeze guest = await GuestFreeze.PrepareAsync(scope, session, request.Quiesce, context.Agent, report, cancellation);
        Guid uuid = scope.Domain.Uuid!.Value;
        BackupRepository repository = BackupRepository.Open(request.Repository, create: true);
        string operation = $"Backup-VMDomain {vm}", directory = await repository.MakeDomainAsync(vm, uuid, operation, context.LockTimeout, cancellation);
        using FileLock held = await repository.TakeLockAsync(directory, operation, context.LockTimeout, cancellation);
        await repository.RecoverAsync(directory, report, cancellation);
        IReadOnlyList<BackupManifest> backups = repository.Backups(directory, broken => report.Warning(broken.Message));
        string id = repository.NextId(directory, DateTimeOffset.UtcNow);

        // Looked at now, not at the opening: the repository may have been waited for.
        IReadOnlyDictionary<string, ObservedLayer> seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.ReadAsync(session, scope.State, cancellation), cancellation);
        BackupCandidates candidates = BackupCandidates.Choose(backups, request.Kind, request.Since);
        List<BackupDecision> decisions = [.. disks.Select(disk => InFull(BackupDecision.Make(session.Disks[disk], request.Kind, candidates, scope.State.Disk(disk), seen[disk], scope.Store.Segments), request.Kind))];
        foreach (BackupDecision decision in decisions)
            report.Verbose($"Disk '{decision.Disk.Name}' is backed up {(decision.Parent is { } parent ? $"as an increment on {parent.Id}" : "in full")}{(decision.Reason is { } reason ? $", because {reason}" : "")}.");
        StoredMoment moment = CheckpointCreation.Describe(scope, new CreateCheckpointRequest { Name = "backup-" + id, Disks = tracked }, repository.Root);
        CheckpointPlan plan = CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, Tracked(session, moment), seen);
        await StartCheck.WarnAsync(scope, seen, decisions.Where(decision => decision.Reason is not null).Select(decision => decision.Disk.Name), report, cancellation);
        await using BackupStaging staging = repository.Stage(directory, uuid, id, report);
        BackupJob[] jobs = [.. decisions.Select((decision, index) => BackupJob.Make(decision, staging.DiskPath(decision.Disk.Name), $"mt-{scope.Id}-{index}"))];
        using Journal journal = scope.Begin(Operation, new JsonObject
        {
            ["name"] = moment.Key.Name,
            ["steps"] = CheckpointCreation.Json(plan.Steps),
            ["published"] = Path.Combine(directory, id),
            ["commit"] = scope.Store.Difference(scope.State, plan.Next).ToJson(),
        }, plan.Next);
        BackupManifest manifest;
        try
        {
            await CopyAsync(scope, session, guest, plan, jobs, seen, request, journal, report, cancellation);
            journal.Pass("publish");
            manifest = await staging.PublishAsync(await ManifestAsync(scope, session, plan, jobs, backups, moment, id, cancellation), scope.Domain.ToXml(secure: true), cancellation);
            journal.Pass("published");
        }
        catch (Exception failure)
        {
            await session.DisposeAsync();
            await CheckpointUndo.AfterFailureAsync(scope, plan.Steps, journal, report, CheckpointUndo.RunAsync);
            if (failure is MomentException job && jobs.FirstOrDefault(one => job.Target == one.Target.JobId) is { } broken)
                throw OperationErrors.CopyFailed(vm, broken.Decision.Disk.Name, broken.Target.Path, job);
            throw;
        }

        scope.Commit(journal, plan.Next);
        return new BackupRelations([.. backups, manifest]).ToResult(manifest, repository.Root);
    }

    private static IEnumerable<string> Chosen(DomainDocument domain, IReadOnlyList<string> asked, IOperationReport report)
    {
        foreach (string name in asked)
            if (domain.FindDisk(name) is null)
                throw CheckpointAlignment.UnknownDisk(name, domain);
        foreach (DomainDisk disk in domain.Disks.Where(disk => asked.Count == 0 || asked.Contains(disk.Target, StringComparer.Ordinal)))
        {
            string? why = disk is { Device: not "disk" } ? $"is a {disk.Device}" : disk.ReadOnly ? "is read-only" : disk.SourcePath is null ? "has no medium" : null;
            if (why is null)
                yield return disk.Target;
            else if (asked.Count > 0)
                throw new MomentException(OperationErrors.DiskNotCovered, $"Cannot back up disk '{disk.Target}' of '{domain.Name}': it {why}.", disk.Target, "Leave the disk out.");
            else
                report.Verbose($"Disk '{disk.Target}' is left out: it {why}.");
        }
    }

    // A disk that cannot be tracked (raw) is stored in full each time and has no part in the checkpoint.
    private static string[] Tracked(DomainDocument domain, string[] disks)
    {
        string[] tracked = [.. disks.Where(disk => CheckpointAlignment.WhyNot(domain.FindDisk(disk)!) is null)];
        return tracked.Length > 0 ? tracked
            : throw new MomentException(XmlErrors.CheckpointWithoutDisk, $"Cannot back up '{domain.Name}': none of its disks can be tracked, so no later backup could be an increment.", domain.Name, "Convert at least one disk to qcow2 (qemu-img convert -O qcow2).");
    }

    private static IEnumerable<SessionDisk> Tracked(BlockSession session, StoredMoment moment) =>
        CheckpointCreation.Tracked(moment).Select(disk => session.Disks[disk]);

    // For the time being a disk to compare is stored in full.
    private static BackupDecision InFull(BackupDecision decision, VMBackupKind wanted) =>
        !decision.Compare ? decision
        : wanted == VMBackupKind.Incremental ? throw BackupDecision.Unproven(decision.Disk, decision.Reason!)
        : decision with { Parent = null, Compare = false };

    private static async Task CopyAsync(
        ChangeScope scope, BlockSession session, GuestFreeze guest, CheckpointPlan plan, BackupJob[] jobs, IReadOnlyDictionary<string, ObservedLayer> seen,
        BackupRequest request, Journal journal, IOperationReport report, CancellationToken cancellation)
    {
        journal.Pass("targets");
        foreach (BackupJob job in jobs)
            await job.Target.OpenAsync(session.Jobs, cancellation);
        string increment = IncrementBitmap(scope.Id);
        IReadOnlyDictionary<string, Segment> segments = new Dictionary<string, Segment>(StringComparer.Ordinal);
        // What sidecars hold is no bitmap in QEMU: it is made one for the time of the transaction.
        BackupJob[] saving = [.. jobs.Where(job => job.Decision.Changes is { Saved.Count: > 0 })];
        await using (FullMarks marks = await FullMarks.MakeAsync(session, plan.Steps, scope.Id, cancellation))
        await using (AuthoredBitmaps saved = await AuthoredBitmaps.WriteAsync(session, scope.Id, [.. saving.Select(job => (job.Decision.Disk.Name, job.Decision.Changes!.Saved))], cancellation))
        await using (SessionExports exports = session.OpenExports(cancellation))
        {
            var progress = new BackupProgress(scope.Place.Name, jobs, report);
            await session.Jobs.RunAllAsync([.. jobs.Select(job => job.Target.JobId)], async token =>
            {
                journal.Pass("transaction");
                TransactionAction[] actions =
                [
                    .. plan.Steps.SelectMany(marks.Actions),
                    .. jobs.SelectMany(job => job.Actions(increment, Array.IndexOf(saving, job) is >= 0 and var at ? saved.Bitmaps[at] : null, request.SpeedLimit, request.Compress)),
                ];
                await GuestFreeze.HoldAsync([guest], () => session.Qmp.TransactionAsync(actions, token), report, token);
                journal.Pass("capture");
                segments = await SegmentCapture.RunAsync(exports, plan.Steps, seen, token);
                journal.Pass("copying");
            }, progress, cancellation);
        }

        // Whoever wrote to a layer meanwhile made the copy one of no instant.
        await LayerAcceptance.VerifyAsync(scope.State, session.Disks.Values, seen, cancellation);
        journal.Pass("close targets");
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
    }

    private static async Task<BackupManifest> ManifestAsync(
        ChangeScope scope, BlockSession session, CheckpointPlan plan, BackupJob[] jobs, IReadOnlyList<BackupManifest> backups, StoredMoment moment, string id, CancellationToken cancellation)
    {
        List<BackupManifestDisk> disks = [];
        foreach (BackupJob job in jobs)
        {
            string name = job.Decision.Disk.Name;
            disks.Add(new BackupManifestDisk
            {
                Name = name,
                Kind = job.Decision.Kind,
                Reason = job.Decision.Reason,
                File = Path.GetFileName(job.Target.Path),
                ParentId = job.Decision.Parent?.Id,
                VirtualSize = job.Decision.Disk.VirtualSize,
                CopiedBytes = await StoredBytesAsync(job.Target.Path, cancellation),
                PointId = plan.Next.Disk(name).PointOf(moment.Key)?.Id ?? MomentIds.New(),
            });
        }

        return new BackupManifest
        {
            Id = id,
            Parent = backups.Count > 0 ? backups[^1].Id : null,
            Vm = scope.Place.Name,
            Uuid = scope.Domain.Uuid!.Value,
            Created = moment.Created,
            Checkpoint = moment.Key.Name,
            EngineVersion = typeof(BackupCreation).Assembly.GetName().Version!.ToString(3),
            QemuVersion = session.Qmp.Version.ToString(),
            Host = Environment.MachineName,
            User = Environment.UserName,
            Disks = disks,
        };
    }

    private static async Task<long> StoredBytesAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        long stored = 0;
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Header.Size, cancellation))
            stored += run is Qcow2Mapping.Data or Qcow2Mapping.Compressed ? run.Length : 0;
        return stored;
    }
}
