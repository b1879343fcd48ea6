using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// A backup of a running machine that reads the disks from a held instant, over NBD, in a process of its own. Steps: staging directory;
/// intent; scratch files and their nodes; the instant with its checkpoint and private bitmaps; views, flush and sidecar; exports; compare what
/// has to be compared; copy; the views and their scratch files go; hash, flush and publish by one rename; metadata. Until the rename a failure
/// or a crash takes the views and the checkpoint back and removes the files; after it the metadata is finished.
/// </summary>
internal sealed class PullBackup(BackupWork work, IOperationReport report)
{
    public const string Operation = "backup-pull";

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(20);

    private bool _released;

    public async Task<VMBackup> RunAsync(CancellationToken cancellation)
    {
        if (await IoThreads.EndsWithClientsAsync(work.Session.Qmp, cancellation))
            return await PushAsync(cancellation);
        await using BackupStaging staging = work.Stage(report);
        string[] jobs = [];
        while (true)
        {
            using PullInstant instant = await PullInstant.BeginAsync(work, jobs, report, cancellation);
            BackupManifest? manifest = null;
            IReadOnlyDictionary<string, MomentException> refused;
            try
            {
                refused = await instant.TakeAsync(cancellation);
                if (refused.Count == 0)
                    manifest = await PublishAsync(instant, staging, cancellation);
                else
                    await instant.TakeBackAsync();
            }
            catch (Exception failure)
            {
                MomentException? told = await ExplainAsync(instant, failure);
                await instant.UndoAsync();
                if (told is not null)
                    throw told;
                throw;
            }

            if (manifest is not null)
            {
                work.Scope.Commit(instant.Journal, instant.Next);
                return work.ToResult(manifest);
            }

            if (jobs.Length > 0)
                throw BlockSnapshotErrors.Refused(work.Vm, instant.Views.Name, refused.Values.First());
            foreach ((string disk, MomentException why) in refused)
                report.Warning($"Disk '{disk}' of '{work.Vm}' takes no filter ({why.Message}). A backup job of QEMU copies in place of one: should the scratch file be full, the guest's writes to this disk fail or wait until the backup has ended.");
            jobs = [.. refused.Keys];
            // All was undone. What bears the operation's id once may not bear it twice.
            work.Scope.Renew();
        }
    }

    // QEMU would end with the last reader of an export, and the guest with it.
    private async Task<VMBackup> PushAsync(CancellationToken cancellation)
    {
        if (work.Request.Pull)
            throw BackupErrors.PullWithIoThread(work.Vm, work.Session.Qmp.Version);
        report.Verbose($"Nothing of '{work.Vm}' can be compared while it runs: it has I/O threads, and QEMU {work.Session.Qmp.Version} does not survive the readers of such disks. QEMU copies them itself.");
        return await new PushBackup(work, report).RunAsync(cancellation);
    }

    private async Task<BackupManifest> PublishAsync(PullInstant instant, BackupStaging staging, CancellationToken cancellation)
    {
        BackupJob[] jobs = await CopyAsync(instant, staging, cancellation);
        await instant.CloseViewsAsync();
        string version = work.Session.Qmp.Version.ToString();
        await work.Session.CloseAsync(cancellation);
        _released = true;
        instant.Journal.Pass("publish");
        instant.Firmware?.Write(staging.Directory);
        BackupManifest manifest = await BackupRecord.MakeAsync(work, jobs, instant.Next, instant.Time, BackupManifest.Pull, version, instant.Firmware, cancellation);
        manifest = await staging.PublishAsync(manifest, work.Scope.Domain.ToXml(secure: true), cancellation);
        instant.Journal.Pass("published");
        return manifest;
    }

    private async Task<BackupJob[]> CopyAsync(PullInstant instant, BackupStaging staging, CancellationToken cancellation)
    {
        (BlockSession session, string id) = (work.Session, work.Scope.Id);
        var views = instant.Views.Disks.ToDictionary(disk => disk.Name, disk => BlockSnapshotView.AccessNode(instant.Views, disk), StringComparer.Ordinal);
        instant.Journal.Pass("comparing");
        BackupJob[] jobs;
        await using (SessionExports readers = session.OpenExports(cancellation))
        {
            (IReadOnlyDictionary<string, ExtentMap> differing, IReadOnlyList<BackupDecision> decisions) = await ParentComparison.RunAsync(
                work, async decision =>
                {
                    IBlockReader view = await readers.ConnectAsync(views[decision.Disk.Name], [], [NbdContext.BaseAllocation], cancellation);
                    instant.Journal.Pass("reading");
                    return view;
                }, report, cancellation);
            jobs = work.Jobs(staging, decisions, differing);
        }

        instant.Journal.Pass("exports");
        await using DaemonCopy copy = await DaemonCopy.StartAsync(session.RuntimeDirectory, id, cancellation);
        await using PullExports exports = await PullExports.OpenAsync(session, jobs.Select(job => views[job.Decision.Disk.Name]), cancellation);
        List<DaemonCopyItem> items = [];
        foreach ((BackupJob job, (NbdAddress address, string name)) in jobs.Zip(exports.All))
        {
            string source = job.Target.NodeName + "-s";
            await copy.AddNbdAsync(source, address, name, cancellation);
            ExtentMap? blocks = job.Decision.Parent is null ? null : job.Differing ?? instant.Changed[job.Decision.Disk.Name];
            // As QEMU has it: an image may name what no file is, or name nothing where its machine was started on a backing node.
            bool alone = job.Decision.Disk.Beneath is { Count: 0 };
            items.Add(new DaemonCopyItem(source, job.Target with { DetectZeroes = blocks is null && !alone }, blocks) { HolesAreZeroes = alone });
        }

        instant.Journal.Pass("copying");
        var progress = new BackupProgress(work.Vm, jobs.ToDictionary(job => job.Target.JobId, job => job.Decision.Disk.Name, StringComparer.Ordinal), report);
        await copy.RunAsync(items, work.Request.SpeedLimit, work.Request.Compress, progress, cancellation);
        instant.Journal.Pass("copied");
        await instant.VerifyAsync(cancellation);
        return jobs;
    }

    // What came over the wire says only that it broke.
    private async Task<MomentException?> ExplainAsync(PullInstant instant, Exception failure)
    {
        if (failure is not MomentException told)
            return null;
        BackupDecision? of = work.Decisions.FirstOrDefault(decision => told.Target is { } path && Path.GetFileName(path) == BackupManifestRules.FileName(decision.Disk.Name));
        MomentException? explained = of is null ? null : OperationErrors.CopyFailed(work.Vm, of.Disk.Name, told.Target!, told.InnerException as MomentException ?? told);
        if (_released || explained?.ErrorId == FileErrors.StorageFull)
            return explained;
        using var limit = new CancellationTokenSource(AnswerLimit);
        try
        {
            // A QEMU that ends answers nothing any more.
            await work.Session.Qmp.QueryStatusAsync(limit.Token);
            return await instant.WhyBrokenAsync(limit.Token) is { } broken ? BackupErrors.ViewBroken(work.Vm, broken, told) : explained;
        }
        catch (MomentException lost)
        {
            return await MachineEnd.IsCauseAsync(work.Session, work.Scope, lost) ? BackupErrors.MachineEnded(work.Vm, told) : explained;
        }
        catch (OperationCanceledException)
        {
            return explained;
        }
    }
}
