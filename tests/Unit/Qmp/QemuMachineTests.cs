using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qmp;

/// <summary>The link and the machine commands against a real QEMU.</summary>
public sealed class QemuMachineTests
{
    [SkippableFact]
    public async Task AMonitorThatAnotherClientHoldsIsBusy()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient first = await machine.ConnectAsync();
        var options = new QmpOptions { GreetingTimeout = TimeSpan.FromMilliseconds(200) };
        var waiting = new List<Socket>();
        try
        {
            // The first of these waits in QEMU's queue; soon the queue is full, and connecting itself stalls.
            for (int i = 0; i < 4; i++)
            {
                Task<QmpClient> second = QmpClient.ConnectAsync(machine.Address, CancellationToken.None, options);
                MomentException failure = await Assert.ThrowsAsync<MomentException>(() => second.WaitAsync(TimeSpan.FromMinutes(1)));
                Assert.Equal(QmpErrors.QmpMonitorBusy, failure.ErrorId);
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
                waiting.Add(socket);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(machine.Address.Path)).WaitAsync(TimeSpan.FromMilliseconds(50));
                }
                catch (Exception full) when (full is TimeoutException or SocketException)
                {
                    // The queue is full: just what the next round needs.
                }
            }
        }
        finally
        {
            waiting.ForEach(socket => socket.Dispose());
        }

        Assert.Equal("prelaunch", (await first.QueryStatusAsync(CancellationToken.None)).Status);
    }

    [SkippableFact]
    public async Task AMonitorIsFreeAgainWhenItsClientLeaves()
    {
        using var machine = RealMonitor.Machine();
        await (await machine.ConnectAsync()).DisposeAsync();
        await using QmpClient second = await machine.ConnectAsync();
        Assert.True(second.Version.Major >= 7);
    }

    [SkippableFact]
    public async Task WhenQemuIsKilledEveryWaiterIsToldAndTheLinkIsClosed()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient qmp = await machine.ConnectAsync();
        using QmpEvents events = qmp.Subscribe("STOP");
        Task<QmpEvent> next = events.NextAsync(CancellationToken.None).AsTask();
        machine.Process.Kill();
        Task<JsonElement>[] waiting = [.. Enumerable.Range(0, 20).Select(_ => qmp.ExecuteAsync("query-jobs", null, CancellationToken.None))];
        await qmp.Closed.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(QmpErrors.QmpConnectionLost, (await Assert.ThrowsAsync<MomentException>(() => next)).ErrorId);
        Task<JsonElement> later = qmp.ExecuteAsync("query-jobs", null, CancellationToken.None);
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => later);
        Assert.IsAssignableFrom<IOException>(lost.InnerException);
        foreach (Task<JsonElement> one in waiting)
        {
            // Some may have been answered before the signal came.
            await Task.WhenAny(one, Task.Delay(TimeSpan.FromMinutes(1)));
            if (one.IsFaulted)
                Assert.Equal(QmpErrors.QmpConnectionLost, Assert.IsType<MomentException>(one.Exception!.InnerException).ErrorId);
            else
                Assert.True(one.IsCompletedSuccessfully);
        }
    }

    [SkippableFact]
    public async Task AJobDiesWithItsQemuAsALostConnection()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient qmp = await machine.ConnectAsync();
        await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = "t0", ["size"] = 67108864 }, CancellationToken.None);
        using QmpEvents events = qmp.Subscribe("JOB_STATUS_CHANGE");
        Task run = new QmpJobs(qmp).RunAsync(
            "mt-b", token => qmp.TransactionAsync([TransactionAction.BlockdevBackup("mt-b", "d0", "t0", "full", speed: 65536)], token), null, CancellationToken.None);
        while (!(await events.NextAsync(CancellationToken.None)).Says("status", "running"))
        {
        }

        machine.Process.Kill();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => run.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(QmpErrors.QmpConnectionLost, failure.ErrorId);
    }

    [SkippableFact]
    public async Task TheMachineIsStartedStoppedResetAndEnded()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient qmp = await machine.ConnectAsync();
        Assert.Equal(new QmpStatus("prelaunch", Running: false), await qmp.QueryStatusAsync(CancellationToken.None));
        await qmp.ContAsync(CancellationToken.None);
        Assert.Equal(new QmpStatus("running", Running: true), await qmp.QueryStatusAsync(CancellationToken.None));
        using QmpEvents events = qmp.Subscribe("STOP", "RESET");
        await qmp.StopAsync(CancellationToken.None);
        await qmp.SystemResetAsync(CancellationToken.None);
        Assert.Equal("STOP", (await events.NextAsync(CancellationToken.None)).Name);
        Assert.Equal("RESET", (await events.NextAsync(CancellationToken.None)).Name);
        await qmp.SystemPowerdownAsync(CancellationToken.None);
        await qmp.QuitAsync(CancellationToken.None);
        Assert.True(machine.Process.WaitForExit(60_000));
    }

    [SkippableFact]
    public async Task DisksAreListedAndTheirNodeIsSwappedOnlyWhenItDiffers()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient qmp = await machine.ConnectAsync();
        QmpBlockDevice disk = Assert.Single(await qmp.QueryBlockAsync(CancellationToken.None));
        Assert.Equal(("/machine/peripheral/vd0/virtio-backend", "d0", 67108864L), (disk.QomPath, disk.Inserted!.NodeName, disk.Inserted.VirtualSize));
        await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = "d1", ["size"] = 67108864 }, CancellationToken.None);
        var exchanged = new ExchangedDisk("vda", disk.QomPath!, "d0", "d1", []);
        await DiskExchange.SetAsync(qmp, [(exchanged, "d0")]);
        await DiskExchange.SetAsync(qmp, [(exchanged, "d1")]);
        Assert.Equal("d1", Assert.Single(await qmp.QueryBlockAsync(CancellationToken.None)).Inserted!.NodeName);
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => DiskExchange.SetAsync(qmp, [(exchanged with { Device = "/machine/peripheral/vd9" }, "d0")]));
        Assert.Equal(QmpErrors.QmpDeviceUnknown, unknown.ErrorId);
    }

    [SkippableFact]
    public async Task ThousandsOfCommandsFromSeveralCallersAreAllAnswered()
    {
        using var machine = RealMonitor.Machine();
        await using QmpClient qmp = await machine.ConnectAsync();
        Task[] callers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 250; i++)
                Assert.False((await qmp.QueryStatusAsync(CancellationToken.None)).Running);
        }))];
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task WhereNobodyListensTheMonitorIsUnreachable()
    {
        using var scratch = new ScratchDirectory();
        var absent = new UnixQmpAddress(scratch["qmp"]);
        MomentException missing = await FailAsync(absent);
        Assert.Equal(QmpErrors.QmpMonitorUnreachable, missing.ErrorId);
        Assert.Contains("there is no such socket", missing.Message, StringComparison.Ordinal);
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            left.Bind(new UnixDomainSocketEndPoint(absent.Path));
        Assert.Equal(QmpErrors.QmpMonitorUnreachable, (await FailAsync(absent)).ErrorId);
        Assert.Equal(QmpErrors.QmpMonitorUnreachable, (await FailAsync(new TcpQmpAddress("127.0.0.1", 1))).ErrorId);
    }

    private static Task<MomentException> FailAsync(QmpAddress address) =>
        Assert.ThrowsAsync<MomentException>(() => QmpClient.ConnectAsync(address, CancellationToken.None));
}
