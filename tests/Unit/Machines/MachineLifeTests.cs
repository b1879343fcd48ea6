using System.Diagnostics;
using System.Globalization;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class MachineLifeTests
{
    [SkippableFact]
    public async Task AStartedMachineRunsAndAForcedStopLeavesNothing()
    {
        await using var sample = new MachineSample("vda");
        Assert.Equal(VMState.Stopped, (await ProbeAsync(sample)).State);
        StartedMachine started = await StartAsync(sample, paused: false);
        MachineProbe probe = await ProbeAsync(sample);
        Assert.Equal((VMState.Running, started.Process.Id), (probe.State, probe.Process!.Id));
        await Expect.FailsAsync(MachineErrors.VMAlreadyRunning, () => StartAsync(sample, paused: false));
        Assert.True(started.Process.IsAlive);
        await StopAsync(sample, force: true);
        Assert.False(started.Process.IsAlive);
        Assert.Empty(sample.Left());
        Assert.Equal(VMState.Stopped, (await ProbeAsync(sample)).State);
        await Expect.FailsAsync(MachineErrors.VMNotRunning, () => StopAsync(sample, force: true));
    }

    [SkippableFact]
    public async Task AGuestThatDoesNotListenIsATimeoutAndAPausedOneIsSaidAtOnce()
    {
        await using var sample = new MachineSample("vda");
        await StartAsync(sample, paused: true);
        Assert.Equal(VMState.Paused, (await ProbeAsync(sample)).State);
        await Expect.FailsAsync(MachineErrors.VMPaused, () => StopAsync(sample, force: false));
        await using (QmpClient qmp = await QmpClient.ConnectAsync(new UnixQmpAddress(sample.Place.MonitorPath), CancellationToken.None))
            await qmp.ContAsync(CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(MachineErrors.VMStopTimeout, () => StopAsync(sample, force: false));
        Assert.Contains("-Force", failure.Advice, StringComparison.Ordinal);
        await StopAsync(sample, force: true);
        Assert.Empty(sample.Left());
    }

    [SkippableFact]
    public async Task AGuestThatShutsDownIsWaitedFor()
    {
        await using var sample = new MachineSample("vda");
        StartedMachine started = await StartAsync(sample, paused: false);
        Task stop = new MachineStopper(sample.Place, sample.Domain).StopAsync(force: false, TimeSpan.FromSeconds(20), CancellationToken.None);
        await Task.Delay(200);
        Assert.False(stop.IsCompleted);
        // No guest is there to end it; whoever does, the stop sees the end.
        started.Process.Signal(HostProcess.Terminate);
        await stop;
        Assert.Empty(sample.Left());
    }

    [SkippableFact]
    public async Task AMachineThatWasKilledIsStoppedAndStartsAgain()
    {
        await using var sample = new MachineSample("vda");
        StartedMachine started = await StartAsync(sample, paused: true);
        started.Process.Signal(HostProcess.Kill);
        Assert.True(await started.Process.EndsWithinAsync(TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.NotEmpty(sample.Left());
        Assert.Equal(VMState.Stopped, (await ProbeAsync(sample)).State);
        await using (BlockSession session = await sample.OpenAsync(BlockAccess.Change, "vda"))
        {
            Assert.False(session.IsMachine);
            await session.CloseAsync(CancellationToken.None);
        }

        await StartAsync(sample, paused: true);
        await StopAsync(sample, force: true);
        Assert.Empty(sample.Left());
    }

    [SkippableFact]
    public async Task AnotherProcessWithTheIdIsNotTheMachine()
    {
        await using var sample = new MachineSample("vda");
        sample.Place.MakeRuntimeDirectory();
        await File.WriteAllTextAsync(sample.Place.PidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        Assert.Equal(VMState.Stopped, (await ProbeAsync(sample)).State);
        await Expect.FailsAsync(MachineErrors.VMNotRunning, () => StopAsync(sample, force: true));
        await StartAsync(sample, paused: true);
    }

    [SkippableFact]
    public async Task AMonitorThatIsHeldIsUnknownAndDoesNotStopAForcedStop()
    {
        await using var sample = new MachineSample("vda");
        await StartAsync(sample, paused: true);
        await using QmpClient first = await QmpClient.ConnectAsync(new UnixQmpAddress(sample.Place.MonitorPath), CancellationToken.None);
        await using QmpClient second = await QmpClient.ConnectAsync(new UnixQmpAddress(sample.Place.SecondMonitorPath), CancellationToken.None);
        MachineProbe probe = await ProbeAsync(sample);
        Assert.Equal((VMState.Unknown, QmpErrors.QmpMonitorBusy), (probe.State, probe.Trouble!.ErrorId));
        await Expect.FailsAsync(QmpErrors.QmpMonitorBusy, () => sample.OpenAsync(BlockAccess.Change, "vda"));
        Assert.Empty(await StopAsync(sample, force: true));
        Assert.Empty(sample.Left());
    }

    [SkippableFact]
    public async Task AFailedStartSaysQemusWordsAndLeavesNothing()
    {
        await using var sample = new MachineSample("vda");
        sample.Domain = DomainDocument.Parse(sample.Xml("vda").Replace("</devices>", "</devices><qemu:commandline><qemu:arg value='-device'/><qemu:arg value='no-such-thing'/></qemu:commandline>", StringComparison.Ordinal), "it");
        MomentException failure = await Expect.FailsAsync(MachineErrors.VMStartFailed, () => StartAsync(sample, paused: false));
        Assert.Contains("'no-such-thing' is not a valid device model name", failure.Message, StringComparison.Ordinal);
        Assert.Empty(sample.Left());
        Assert.Empty(sample.Processes());
    }

    [SkippableFact]
    public async Task ACheckThatFailsEndsTheMachine()
    {
        await using var sample = new MachineSample("vda");
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => new MachineLauncher(sample.Place, sample.Domain).StartAsync(
            paused: false,
            async (qmp, cancellation) =>
            {
                Assert.Equal("prelaunch", (await qmp.QueryStatusAsync(cancellation)).Status);
                throw new InvalidTimeZoneException();
            },
            CancellationToken.None));
        Assert.Empty(sample.Left());
        Assert.Empty(sample.Processes());
    }

    [SkippableFact]
    public async Task AnImageThatIsInUseStopsTheStart()
    {
        await using var sample = new MachineSample("vda");
        await using BlockSession holder = await sample.OpenAsync(BlockAccess.Change, "vda");
        long start = Stopwatch.GetTimestamp();
        MomentException failure = await Expect.FailsAsync(DiskErrors.DiskLocked, () => StartAsync(sample, paused: false));
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 1, 120);
        Assert.Contains("qemu-storage-d", failure.Message, StringComparison.Ordinal);
        Assert.Contains(sample.Image("vda"), failure.Message, StringComparison.Ordinal);
        await holder.CloseAsync(CancellationToken.None);
        Assert.Empty(sample.Left());
    }

    [SkippableFact]
    public async Task ALockThatIsLetGoInTimeDoesNotStopTheStart()
    {
        await using var sample = new MachineSample("vda");
        await using BlockSession holder = await sample.OpenAsync(BlockAccess.Change, "vda");
        Task<StartedMachine> start = StartAsync(sample, paused: true);
        await Task.Delay(300);
        await holder.CloseAsync(CancellationToken.None);
        await start;
    }

    [SkippableFact]
    public async Task WhatIsMissingIsNamed()
    {
        await using var sample = new MachineSample("vda");
        File.Delete(sample.Image("vda"));
        await Expect.FailsAsync(DiskErrors.DiskMissing, () => StartAsync(sample, paused: false));
        Directory.CreateDirectory(sample.Image("vda"));
        Assert.Contains("is a directory, and no file", (await Expect.FailsAsync(DiskErrors.DiskMissing, () => StartAsync(sample, paused: false))).Message, StringComparison.Ordinal);
        sample.Domain = DomainDocument.Parse(sample.Xml("vda").Replace(" type='qcow2'", "", StringComparison.Ordinal), "it");
        await Expect.FailsAsync(DiskErrors.DiskFormatUnknown, () => StartAsync(sample, paused: false));
        sample.Domain = DomainDocument.Parse(sample.Xml().Replace("<devices>", "<devices><emulator>/nowhere/qemu-system-x86_64</emulator>", StringComparison.Ordinal), "it");
        MomentException failure = await Expect.FailsAsync(MachineErrors.QemuMissing, () => StartAsync(sample, paused: false));
        Assert.Equal("Install it: apt install qemu-system-x86", failure.Advice);
        Assert.Empty(sample.Left());
    }

    private static Task<MachineProbe> ProbeAsync(MachineSample sample) => MachineProbe.RunAsync(sample.Place, sample.Domain, CancellationToken.None);

    private static Task<StartedMachine> StartAsync(MachineSample sample, bool paused) =>
        new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused, check: null, CancellationToken.None);

    private static Task<IReadOnlyList<string>> StopAsync(MachineSample sample, bool force) =>
        new MachineStopper(sample.Place, sample.Domain).StopAsync(force, TimeSpan.FromMilliseconds(300), CancellationToken.None);
}
