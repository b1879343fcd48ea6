using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups;

/// <summary>
/// Restores disks of a backup to new files: every file they need is compared with its hashes first, then a storage
/// daemon copies each chain. The repository is only read.
/// </summary>
/// <param name="runtimeDirectory">Where the storage daemon's socket may lie.</param>
internal sealed class BackupRestore(BackupRepository repository, string runtimeDirectory)
{
    private const string JobPrefix = "mt-restore-";
    private const string NoSpace = "No space left on device";

    /// <summary>Restores what the request names; all of it, or nothing.</summary>
    /// <param name="domainDirectory">The machine's directory in the repository.</param>
    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(
        string domainDirectory, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Format is not ("qcow2" or "raw"))
        {
            throw new MomentException(
                BackupErrors.RestoreFormatUnsupported, $"A backup cannot be restored to the format '{request.Format}'.", request.Format, "Use qcow2 or raw.");
        }

        BackupSelection selection = BackupSelection.Choose(repository, domainDirectory, request, report);
        string destination = request.Destination ?? throw new MomentException(
            BackupErrors.RestoreDestinationMissing, $"Cannot restore the backup '{selection.Backup.Id}' of '{selection.Backup.Vm}' to new files: no directory is named for them.", selection.Backup.Id,
            "Name one with -Destination.");
        using var files = new RestoreFiles(destination, selection.Disks, request.Format, report);
        var verification = new BackupVerification(report);
        await foreach (MomentException finding in verification.FindDamageAsync(
            $"Checking the backup {selection.Backup.Id}", selection.Chains.SelectMany(chain => chain.Links), cancellation))
            throw finding;
        files.Begin();
        await CopyAsync(selection, files, request.Format, report, cancellation);
        cancellation.ThrowIfCancellationRequested();
        files.Publish();
        return
        [
            .. selection.Chains.Select(chain => new VMRestoredDisk
            {
                VM = selection.Backup.Vm,
                BackupId = selection.Backup.Id,
                Disk = chain.Top.Disk.Name,
                Path = files.PathOf(chain.Top.Disk.Name),
                Format = request.Format,
                Size = chain.Top.Disk.VirtualSize,
            }),
        ];
    }

    private async Task CopyAsync(BackupSelection selection, RestoreFiles files, string format, IOperationReport report, CancellationToken cancellation)
    {
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(runtimeDirectory, cancellation);
        var jobs = new QmpJobs(daemon.Qmp);
        for (int i = 0; i < selection.Chains.Count; i++)
        {
            BackupChain chain = selection.Chains[i];
            string name = chain.Top.Disk.Name;
            report.Verbose($"Restoring the disk '{name}' of the backup {selection.Backup.Id} from {chain.Links.Count} files to '{files.PathOf(name)}'.");
            var progress = new JobReport(report, $"Restoring {selection.Backup.Vm}", $"{name}: copying");
            try
            {
                await CopyDiskAsync(jobs, chain, $"mt-r{i}", files.TemporaryOf(name), format, progress, cancellation);
            }
            catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpJobFailed || failure.ErrorId == QmpErrors.QmpCommandFailed)
            {
                throw Explain(failure, name, files.PathOf(name));
            }
        }

        await daemon.CloseAsync(cancellation);
    }

    private static async Task CopyDiskAsync(
        QmpJobs jobs, BackupChain chain, string prefix, string target, string format, JobReport progress, CancellationToken cancellation)
    {
        QmpClient qmp = jobs.Client;
        long size = chain.Top.Disk.VirtualSize;
        IReadOnlyList<ImageLayer> layers = chain.Layers(prefix + "-s");
        foreach (JsonObject layer in BlockdevOptions.ForEachLayer(layers))
            await qmp.BlockdevAddAsync(layer, cancellation);

        string node = prefix + "-t", file = prefix + "-f", job = JobPrefix + prefix;
        await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "file", ["filename"] = target, ["size"] = format == "raw" ? size : 0 }, cancellation);
        await qmp.BlockdevAddAsync(
            new JsonObject { ["driver"] = "file", ["filename"] = target, ["node-name"] = file, ["discard"] = "unmap" }, cancellation);
        if (format != "raw")
            await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = format, ["file"] = file, ["size"] = size }, cancellation);
        await qmp.BlockdevAddAsync(
            new JsonObject { ["driver"] = format, ["file"] = file, ["node-name"] = node, ["discard"] = "unmap" }, cancellation);

        // A mirror and not a backup job: the backup job writes zeroes without leave to punch holes, which fills a raw file.
        await jobs.RunAsync(
            job,
            async token =>
            {
                await qmp.ExecuteAsync(
                    "blockdev-mirror",
                    new JsonObject { ["job-id"] = job, ["device"] = layers[0].NodeName, ["target"] = node, ["sync"] = "full", ["auto-dismiss"] = false },
                    token);
                if (!(await jobs.WaitUntilAsync(job, state => state.Status == "ready", progress, token)).IsConcluded)
                    await qmp.JobCompleteAsync(job, token);
            },
            null, cancellation);
        await qmp.BlockdevDelAsync(node, cancellation);
        await qmp.BlockdevDelAsync(file, cancellation);
    }

    private static MomentException Explain(MomentException failure, string disk, string path)
    {
        bool full = failure.Message.Contains(NoSpace, StringComparison.Ordinal);
        return new MomentException(
            full ? FileErrors.StorageFull : BackupErrors.RestoreJobFailed,
            $"Cannot restore the disk '{disk}' to '{path}': {failure.Message}", path,
            full ? "Free some space at the destination or choose another: nothing was left there." : "Nothing was left at the destination. Look at QEMU's words, and at the system's log for errors of the device.",
            failure) { PeerErrorClass = failure.PeerErrorClass };
    }

    private sealed class JobReport(IOperationReport report, string activity, string status) : IProgress<JobProgress>
    {
        public void Report(JobProgress value) => report.Progress(new OperationProgress(activity, status, value.Done, value.Total));
    }
}
