using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qmp;

/// <summary>Typed commands and jobs against the real storage daemon.</summary>
public sealed class StorageDaemonTests
{
    private const long Size = 64 << 20;

    [SkippableFact]
    public async Task BitmapsOfOneTransactionAppearTogetherAndAreStoredAtTheEnd()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await daemon.AddImageAsync(new QmpJobs(qmp), "d0", Size);
        await qmp.TransactionAsync(
            [TransactionAction.BitmapAdd("d0", "a", persistent: true, granularity: 32768), TransactionAction.BitmapAdd("d0", "b", disabled: true)],
            CancellationToken.None);
        await qmp.BitmapDisableAsync("d0", "a", CancellationToken.None);
        await qmp.TransactionAsync([TransactionAction.BitmapMerge("d0", "b", [new BitmapRef("d0", "a")])], CancellationToken.None);

        QmpBlockNode node = Assert.Single(await qmp.QueryNamedBlockNodesAsync(CancellationToken.None), one => one.NodeName == "d0");
        Assert.Equal(("qcow2", Size, false, null), (node.Driver, node.VirtualSize, node.ReadOnly, node.BackingFile));
        Assert.Equal(new QmpDirtyBitmap("a", 0, 32768, Recording: false, Busy: false, Persistent: true, Inconsistent: false), node.DirtyBitmaps.Single(one => one.Name == "a"));
        Assert.Equal(new QmpDirtyBitmap("b", 0, 65536, Recording: false, Busy: false, Persistent: false, Inconsistent: false), node.DirtyBitmaps.Single(one => one.Name == "b"));

        await qmp.QuitAsync(CancellationToken.None);
        await daemon.Process.WaitForExitAsync();
        string info = Tool.Run("qemu-img", "info", "--output=json", daemon.Scratch["d0.qcow2"]);
        JsonNode stored = JsonNode.Parse(info)!["format-specific"]!["data"]!["bitmaps"]![0]!;
        Assert.Equal("a", (string?)stored["name"]);
    }

    [SkippableFact]
    public async Task ATransactionThatFailsChangesNothing()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await daemon.AddImageAsync(new QmpJobs(qmp), "d0", Size);
        await qmp.BitmapAddAsync("d0", "old", persistent: true, granularity: null, disabled: false, CancellationToken.None);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => qmp.TransactionAsync(
            [
                TransactionAction.BitmapAdd("d0", "new", persistent: true),
                TransactionAction.BitmapMerge("d0", "new", [new BitmapRef("d0", "old")]),
                TransactionAction.BitmapDisable("d0", "old"),
                TransactionAction.BitmapRemove("d0", "missing"),
            ],
            CancellationToken.None));
        Assert.Equal((QmpErrors.QmpCommandFailed, "GenericError"), (failure.ErrorId, failure.PeerErrorClass));
        Assert.Contains("missing", failure.Message, StringComparison.Ordinal);

        QmpDirtyBitmap left = Assert.Single((await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Single(node => node.NodeName == "d0").DirtyBitmaps);
        Assert.Equal(("old", true), (left.Name, left.Recording));
    }

    [SkippableFact]
    public async Task ABackupRunsToItsEndAndShowsProgress()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "t0");
        var jobs = new QmpJobs(qmp);
        var seen = new Seen();
        await jobs.RunAsync("mt-b", token => BackupAsync(qmp, "mt-b", "t0", speed: 256 << 20, token), seen, CancellationToken.None);
        Assert.Equal(new JobProgress("mt-b", Size, Size), seen.Last);
        Assert.Empty(await jobs.QueryAsync(CancellationToken.None));
    }

    [SkippableFact]
    public async Task AFailedJobTellsQemusWordsAndIsDismissed()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "good");
        await AddFullAsync(qmp, "full");
        var jobs = new QmpJobs(qmp);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(
            () => jobs.RunAsync("mt-b", token => BackupAsync(qmp, "mt-b", "full", speed: null, token), null, CancellationToken.None));
        Assert.Equal((QmpErrors.QmpJobFailed, "mt-b"), (failure.ErrorId, failure.Target));
        Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
        Assert.Contains("(backup)", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await jobs.QueryAsync(CancellationToken.None));
    }

    [SkippableFact]
    public async Task WhenOneJobFailsItsSiblingsAreCancelled()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "slow");
        await AddFullAsync(qmp, "full");
        var jobs = new QmpJobs(qmp);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => jobs.RunAllAsync(
            ["mt-slow", "mt-full"],
            token => qmp.TransactionAsync(
                [
                    TransactionAction.BlockdevBackup("mt-slow", "d0", "slow", "full", speed: 65536),
                    TransactionAction.BlockdevBackup("mt-full", "d0", "full", "full"),
                ],
                token),
            null, CancellationToken.None));
        Assert.Equal("mt-full", failure.Target);
        Assert.Empty(await jobs.QueryAsync(CancellationToken.None));
    }

    [SkippableFact]
    public async Task CancellingARunCancelsTheJobAndReturnsWhenItIsGone()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "slow");
        var jobs = new QmpJobs(qmp);
        using var cancel = new CancellationTokenSource();
        using QmpEvents events = qmp.Subscribe("JOB_STATUS_CHANGE");
        Task run = jobs.RunAsync("mt-b", token => BackupAsync(qmp, "mt-b", "slow", speed: 65536, token), null, cancel.Token);
        while (!(await events.NextAsync(CancellationToken.None)).Says("status", "running"))
        {
        }

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Empty(await jobs.QueryAsync(CancellationToken.None));
        await qmp.BlockdevDelAsync("slow", CancellationToken.None);
    }

    [SkippableFact]
    public async Task JobsOfATransactionAreWaitedForOneByOne()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "slow");
        await AddFullAsync(qmp, "full");
        var jobs = new QmpJobs(qmp);
        await qmp.TransactionAsync(
            [
                TransactionAction.BlockdevBackup("mt-slow", "d0", "slow", "full", speed: 65536),
                TransactionAction.BlockdevBackup("mt-full", "d0", "full", "full"),
            ],
            CancellationToken.None);
        QmpJobOutcome full = await jobs.WaitAsync("mt-full", null, CancellationToken.None);
        Assert.Equal("No space left on device", full.Error);
        Assert.Equal(QmpErrors.QmpJobFailed, Assert.Throws<MomentException>(full.ThrowIfFailed).ErrorId);
        QmpJobOutcome? slow = await jobs.CancelAsync("mt-slow", CancellationToken.None);
        Assert.Equal("Operation canceled", slow?.Error);
        Assert.Null(await jobs.CancelAsync("mt-slow", CancellationToken.None));
        Assert.Equal(
            QmpErrors.QmpJobVanished,
            (await Assert.ThrowsAsync<MomentException>(() => jobs.WaitAsync("mt-slow", null, CancellationToken.None))).ErrorId);
    }

    [SkippableFact]
    public async Task AnIdThatIsTakenIsRefusedAndItsJobLeftAlone()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await AddNullAsync(qmp, "d0", "slow");
        await BackupAsync(qmp, "mt-b", "slow", speed: 65536, CancellationToken.None);
        var jobs = new QmpJobs(qmp);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(
            () => jobs.RunAsync("mt-b", _ => throw new InvalidOperationException("must not start"), null, CancellationToken.None));
        Assert.Equal(QmpErrors.QmpJobExists, failure.ErrorId);
        Assert.Equal("running", Assert.Single(await jobs.QueryAsync(CancellationToken.None)).Status);
    }

    [SkippableFact]
    public async Task ReconcilingAfterAReconnectPutsOurJobsAwayAndNoOthers()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using (QmpClient first = await daemon.ConnectAsync())
        {
            await AddNullAsync(first, "d0", "t0", "t1");
            await AddFullAsync(first, "full");
            await BackupAsync(first, "mt-running", "t0", speed: 65536, CancellationToken.None);
            await BackupAsync(first, "other", "t1", speed: 65536, CancellationToken.None);
            await BackupAsync(first, "mt-failed", "full", speed: null, CancellationToken.None);
        }

        await using QmpClient second = await daemon.ConnectAsync();
        var jobs = new QmpJobs(second);
        IReadOnlyList<QmpJobInfo> found = await jobs.ReconcileAsync("mt-", CancellationToken.None);
        Assert.Equal(["mt-failed", "mt-running"], found.Select(job => job.Id).Order(StringComparer.Ordinal));
        Assert.Equal("other", Assert.Single(await jobs.QueryAsync(CancellationToken.None)).Id);
    }

    [SkippableFact]
    public async Task AnExportIsServedAndReallyGoneAfterItsDeletion()
    {
        Tool.Require("nbdinfo");
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await daemon.AddImageAsync(new QmpJobs(qmp), "d0", Size);
        await qmp.BitmapAddAsync("d0", "b", persistent: false, granularity: null, disabled: true, CancellationToken.None);
        await qmp.NbdServerStartUnixAsync(daemon.Scratch["nbd"], null, CancellationToken.None);
        await qmp.BlockExportAddAsync("mt-e", "d0", "vda", [new BitmapRef("d0", "b")], writable: false, CancellationToken.None);
        Assert.Equal(new QmpBlockExport("mt-e", "nbd", "d0", ShuttingDown: false), Assert.Single(await qmp.QueryBlockExportsAsync(CancellationToken.None)));
        Assert.True((await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Single(node => node.NodeName == "d0").DirtyBitmaps.Single().Busy);
        Assert.Contains("qemu:dirty-bitmap:b", Tool.Run("nbdinfo", $"nbd+unix:///vda?socket={daemon.Scratch["nbd"]}"), StringComparison.Ordinal);

        await qmp.BlockExportDelAsync("mt-e", hard: true, CancellationToken.None);
        await qmp.BitmapRemoveAsync("d0", "b", CancellationToken.None);
        await qmp.BlockdevDelAsync("d0", CancellationToken.None);
        await qmp.NbdServerStopAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task NodesAreReopenedAndResized()
    {
        using var daemon = RealMonitor.StorageDaemon();
        await using QmpClient qmp = await daemon.ConnectAsync();
        await daemon.AddImageAsync(new QmpJobs(qmp), "d0", Size);
        await qmp.BlockResizeAsync("d0", 2 * Size, CancellationToken.None);
        var options = new JsonObject { ["driver"] = "qcow2", ["node-name"] = "d0", ["file"] = "d0-f", ["read-only"] = true };
        await qmp.BlockdevReopenAsync([options], CancellationToken.None);
        QmpBlockNode node = (await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Single(one => one.NodeName == "d0");
        Assert.Equal((2 * Size, true), (node.VirtualSize, node.ReadOnly));
    }

    [SkippableFact]
    public async Task ADaemonThatDialsUsIsGreetedOverTheAcceptedSocket()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(scratch["ours"]));
        listener.Listen(1);
        using Process daemon = Process.Start("qemu-storage-daemon", ["--chardev", $"socket,id=m,path={scratch["ours"]}", "--monitor", "chardev=m"]);
        Socket accepted = await listener.AcceptAsync();
        await using QmpClient qmp = await QmpClient.OverAsync(new NetworkStream(accepted, ownsSocket: true), "the daemon", CancellationToken.None);
        Assert.Empty(await qmp.QueryBlockExportsAsync(CancellationToken.None));
        await qmp.QuitAsync(CancellationToken.None);
        await daemon.WaitForExitAsync();
    }

    private static async Task AddNullAsync(QmpClient qmp, params string[] names)
    {
        foreach (string name in names)
            await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = name, ["size"] = Size }, CancellationToken.None);
    }

    // A disk on which every write fails as on a full file system.
    private static async Task AddFullAsync(QmpClient qmp, string name)
    {
        await AddNullAsync(qmp, name + "-f");
        const int NoSpace = 28;
        var failing = new JsonObject { ["event"] = "none", ["iotype"] = "write", ["errno"] = NoSpace };
        await qmp.BlockdevAddAsync(
            new JsonObject { ["driver"] = "blkdebug", ["node-name"] = name, ["image"] = name + "-f", ["inject-error"] = new JsonArray(failing) },
            CancellationToken.None);
    }

    private static Task BackupAsync(QmpClient qmp, string jobId, string target, long? speed, CancellationToken cancellation) =>
        qmp.TransactionAsync([TransactionAction.BlockdevBackup(jobId, "d0", target, "full", speed: speed)], cancellation);

    private sealed class Seen : IProgress<JobProgress>
    {
        public JobProgress Last { get; private set; }

        public void Report(JobProgress value)
        {
            Assert.True(value.Done >= Last.Done, "progress never goes back");
            Last = value;
        }
    }
}
