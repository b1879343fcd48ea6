using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>The disks of a backup copied to new files by a storage daemon, several at once. The repository is only read.</summary>
/// <param name="runtimeDirectory">Where the storage daemon's socket may lie.</param>
internal sealed class DiskCopies(string runtimeDirectory)
{
    private const string JobPrefix = "mt-restore-";
    private const string NoSpace = "No space left on device";
    private const int MostAtOnce = 4;

    /// <summary>Copies them; returns when the files are closed and on stable storage.</summary>
    /// <returns>The bytes that were written, by disk.</returns>
    public async Task<IReadOnlyDictionary<string, long>> RunAsync(
        BackupSelection selection, RestoreFiles files, string format, IOperationReport report, CancellationToken cancellation)
    {
        Dictionary<string, long> written = new(StringComparer.Ordinal);
        // What a command that died left open would keep its room.
        await StorageDaemon.EndOrphansAsync(runtimeDirectory, cancellation);
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(runtimeDirectory, cancellation);
        var jobs = new QmpJobs(daemon.Qmp);
        var gate = new Lock();
        foreach (BackupChain chain in selection.Chains)
            report.Verbose($"Restoring the disk '{chain.Top.Disk.Name}' of the backup {selection.Backup.Id} from {chain.Links.Count} files to '{files.PathOf(chain.Top.Disk.Name)}'.");
        await Parallel.ForEachAsync(selection.Chains.Index(), new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce, CancellationToken = cancellation }, async (numbered, token) =>
        {
            (int index, BackupChain chain) = numbered;
            string name = chain.Top.Disk.Name;
            var progress = new JobReport(report, $"Restoring {selection.Backup.Vm}", $"{name}: copying");
            try
            {
                files.Create(name);
                await CopyAsync(jobs, chain, $"mt-r{index}", files.TemporaryOf(name), format, progress, token);
                DurableFile.FlushFile(files.TemporaryOf(name));
            }
            catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpJobFailed || failure.ErrorId == QmpErrors.QmpCommandFailed)
            {
                throw Explain(failure, name, files.PathOf(name));
            }

            lock (gate)
                written[name] = progress.Done;
        });
        try
        {
            await daemon.CloseAsync(cancellation);
        }
        catch (MomentException failure) when (failure.Message.Contains(NoSpace, StringComparison.Ordinal))
        {
            // What an image's tables met when they were written at the end, without the name of the file.
            throw Explain(failure, selection.Disks[0], files.PathOf(selection.Disks[0]));
        }

        return written;
    }

    private static async Task CopyAsync(
        QmpJobs jobs, BackupChain chain, string prefix, string target, string format, JobReport progress, CancellationToken cancellation)
    {
        QmpClient qmp = jobs.Client;
        long size = chain.Top.Disk.VirtualSize;
        foreach (BackupChain.Link link in chain.Links)
            await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
        IReadOnlyList<ImageLayer> layers = chain.Layers(prefix + "-s");
        foreach (JsonObject layer in BlockdevOptions.ForEachLayer(layers))
            await qmp.BlockdevAddAsync(layer, cancellation);

        string node = prefix + "-t", file = prefix + "-f", job = JobPrefix + prefix;
        await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "file", ["filename"] = target, ["size"] = format == "raw" ? size : 0 }, cancellation);
        // It is flushed by us, while the hashes are compared still.
        await qmp.BlockdevAddAsync(
            new JsonObject { ["driver"] = "file", ["filename"] = target, ["node-name"] = file, ["discard"] = "unmap", ["cache"] = new JsonObject { ["no-flush"] = true } }, cancellation);
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
        private long _done;

        public long Done => Interlocked.Read(ref _done);

        public void Report(JobProgress value)
        {
            Interlocked.Exchange(ref _done, value.Done);
            report.Progress(new OperationProgress(activity, status, value.Done, value.Total));
        }
    }
}
