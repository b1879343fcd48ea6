using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Making;
using MomentTools.Qmp;
using MomentTools.Tests.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>What is written is compared byte for byte by qemu-img with what the source held.</summary>
public sealed class DaemonCopyTests
{
    private const long Mebi = 1 << 20;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ChainsOfARepositoryAreCopiedSideBySide(bool compress)
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Steps steps = new();
        await using (DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None))
        {
            await copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[2], "vda"), CancellationToken.None);
            await copy.AddChainAsync("b", BackupChain.Resolve(backups, backups[2], "vdb"), CancellationToken.None);
            await copy.RunAsync(
                [new DaemonCopyItem("a", Target(sample, "a.qcow2"), null), new DaemonCopyItem("b", Target(sample, "b.qcow2"), null)], 0, compress, steps, CancellationToken.None);
        }

        foreach ((string file, string disk) in (ReadOnlySpan<(string, string)>)[("a.qcow2", "vda"), ("b.qcow2", "vdb")])
        {
            Tool.Run("qemu-img", "check", "-q", sample.Scratch[file]);
            Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sample.Expected(backups[2].Id, disk), sample.Scratch[file]);
        }

        Assert.Equal(compress, new FileInfo(sample.Scratch["a.qcow2"]).Length < 4 * Mebi);
        Assert.All(["mt-a.qcow2-job", "mt-b.qcow2-job"], job => Assert.Contains(steps.All, step => step.JobId == job && step.Total > 0 && step.Done == step.Total));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BlocksAreStoredOverAParentAndZeroesOfTheSourceHideItsBytes(bool all)
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        // What vda's second and third backup wrote. One byte names its whole granule.
        ExtentMap blocks = ExtentMap.Of(new Extent(512 << 10, Mebi), new Extent(2 * Mebi, Mebi), new Extent(20 * Mebi, 1), new Extent(47 * Mebi, Mebi));
        string parent = backups[0].PathOf(backups[0].Disks[0]);
        await using (DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None))
        {
            await copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[2], "vda"), CancellationToken.None);
            await copy.RunAsync([new DaemonCopyItem("a", Target(sample, "a.qcow2", parent), all ? null : blocks)], 0, compress: false, null, CancellationToken.None);
        }

        Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sample.Expected(backups[2].Id, "vda"), sample.Scratch["a.qcow2"]);
        if (!all)
            Assert.InRange(new FileInfo(sample.Scratch["a.qcow2"]).Length, 2 * Mebi, 4 * Mebi);
    }

    [SkippableFact]
    public async Task HolesOfAnExportHideTheParentsBytes()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img", "qemu-nbd");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest parent = sample.Backups()[0];
        string content = sample.Scratch["now.raw"];
        await File.WriteAllBytesAsync(content, []);
        using (FileStream file = File.OpenWrite(content))
            file.SetLength(SampleRepository.Size);
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 9 30M 64k", content);
        using RealServer server = RealServer.QemuNbd(sample.Scratch["n.sock"], "-r", "-f", "raw", "-x", "vda", content);
        await using (DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None))
        {
            await copy.AddNbdAsync("n", server.Address, "vda", CancellationToken.None);
            await copy.RunAsync(
                [new DaemonCopyItem("n", Target(sample, "a.qcow2", parent.PathOf(parent.Disks[0])), ExtentMap.Of(new Extent(0, 9 * Mebi), new Extent(30 * Mebi, 65536), new Extent(40 * Mebi, 65536)))],
                0, compress: false, null, CancellationToken.None);
        }

        Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", content, sample.Scratch["a.qcow2"]);
        Assert.InRange(new FileInfo(sample.Scratch["a.qcow2"]).Length, 1, Mebi);
    }

    [SkippableFact]
    public async Task ASetThatIsEmptyMakesAnImageThatShowsItsParent()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        await using (DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None))
        {
            await copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[2], "vda"), CancellationToken.None);
            await copy.RunAsync([new DaemonCopyItem("a", Target(sample, "a.qcow2", backups[0].PathOf(backups[0].Disks[0])), ExtentMap.Empty)], 0, compress: false, null, CancellationToken.None);
        }

        Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sample.Expected(backups[0].Id, "vda"), sample.Scratch["a.qcow2"]);
    }

    [SkippableTheory]
    [InlineData(0, false)]
    [InlineData(300, false)]
    [InlineData(2048, false)]
    [InlineData(2048, true)]
    public async Task AFullFileSystemIsSaidWithTheFile(int kibibytes, bool compress)
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 1 0 48M", sample.Expected(backups[2].Id, "vda"));
        Directory.CreateDirectory(sample.Scratch["small"]);
        using SmallFileSystem small = SmallFileSystem.Over(sample.Scratch["small"], 4);
        small.Fill(kibibytes << 10);
        await using DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None);
        await copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[0], "vda"), CancellationToken.None);
        await copy.AddChainAsync("b", BackupChain.Resolve(backups, backups[0], "vdb"), CancellationToken.None);
        BackupTarget full = Target(sample, "small/a.qcow2");
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => copy.RunAsync(
            [new DaemonCopyItem("a", full, compress ? ExtentMap.Of(new Extent(0, 9 * Mebi)) : null), new DaemonCopyItem("b", Target(sample, "b.qcow2"), null)], 0, false, null, CancellationToken.None));
        Assert.Equal((FileErrors.StorageFull, full.Path), (failure.ErrorId, failure.Target));
        Assert.Contains(full.Path, failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AServerThatIsKilledEndsIt()
    {
        Tool.Require("qemu-storage-daemon", "qemu-nbd");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        RealServer server = RealServer.QemuNbd(sample.Scratch["n.sock"], "-r", "-f", "raw", sample.Expected(sample.Backups()[0].Id, "vda"));
        Steps steps = new();
        await using DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None);
        await copy.AddNbdAsync("n", server.Address, "", CancellationToken.None);
        Task run = copy.RunAsync([new DaemonCopyItem("n", Target(sample, "a.qcow2"), null)], 4 * Mebi, compress: false, steps, CancellationToken.None);
        await steps.BegunAsync();
        server.Dispose();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => run.WaitAsync(TimeSpan.FromMinutes(2)));
        Assert.Equal((OperationErrors.BackupFailed, sample.Scratch["a.qcow2"]), (failure.ErrorId, failure.Target));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CancellingStopsItInTheMiddle(bool compress)
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Steps steps = new();
        using var stop = new CancellationTokenSource();
        await using (DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None))
        {
            await copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[0], "vda"), CancellationToken.None);
            Task run = copy.RunAsync([new DaemonCopyItem("a", Target(sample, "a.qcow2"), null)], Mebi, compress, steps, stop.Token);
            await steps.BegunAsync();
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TimeSpan.FromMinutes(2)));
        }

        // Whoever comes next can have the file: nobody holds its lock any more.
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", sample.Scratch["a.qcow2"], "1M");
    }

    [SkippableFact]
    public async Task AnImageOfTheRepositoryThatIsNotWhatItsManifestSaysIsNotRead()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Tool.Run("qemu-img", "rebase", "-u", "-b", "/etc/passwd", "-F", "raw", backups[1].PathOf(backups[1].Disks[0]));
        await using DaemonCopy copy = await DaemonCopy.StartAsync(sample.Runtime, "x", CancellationToken.None);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => copy.AddChainAsync("a", BackupChain.Resolve(backups, backups[2], "vda"), CancellationToken.None));
        Assert.Equal(BackupErrors.BackupImageMismatch, failure.ErrorId);
    }

    private static BackupTarget Target(SampleRepository sample, string name, string? backing = null) =>
        new(sample.Scratch[name], "mt-" + Path.GetFileName(name), SampleRepository.Size, backing);

    private sealed class Steps : IProgress<JobProgress>
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<JobProgress> All { get; } = [];

        public void Report(JobProgress value)
        {
            lock (All)
                All.Add(value);
            if (value.Done > 0)
                _begun.TrySetResult();
        }

        public Task BegunAsync() => _begun.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }
}
