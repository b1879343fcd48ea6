using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

public sealed class MachinePauseTests
{
    [SkippableFact]
    public async Task AGuestStandsStillAndGoesOn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(disks: "vda");
        await machine.StartAsync();
        Assert.Equal(VMState.Running, (await ResumeAsync(machine)).State);
        Assert.Equal(VMState.Running, (await ResumeAsync(machine)).State);
        Assert.Equal(VMState.Paused, (await SuspendAsync(machine)).State);
        Assert.Equal(VMState.Paused, (await SuspendAsync(machine)).State);
        Assert.Equal(VMState.Running, (await ResumeAsync(machine)).State);
        await machine.StopAsync();
        foreach (Func<TestMachine, Task<VMDomain>> act in (Func<TestMachine, Task<VMDomain>>[])[SuspendAsync, ResumeAsync])
            await Expect.FailsAsync(MachineErrors.VMNotRunning, () => act(machine));
    }

    [Theory]
    [InlineData("paused")]
    [InlineData("prelaunch")]
    [InlineData("io-error")]
    [InlineData("suspended")]
    public async Task AGuestThatStandsStillIsNotToldAgain(string status)
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        Task<bool> suspend = new MachinePause(qmp, "web1").SuspendAsync(CancellationToken.None);
        await AnswerStatusAsync(monitor, status);
        Assert.False(await suspend);
    }

    [Theory]
    [InlineData("inmigrate", true)]
    [InlineData("inmigrate", false)]
    [InlineData("save-vm", true)]
    [InlineData("guest-panicked", false)]
    [InlineData("shutdown", false)]
    public async Task AQemuThatIsAtWorkIsLeftAlone(string status, bool go)
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        var pause = new MachinePause(qmp, "web1");
        Task<bool> act = go ? pause.ResumeAsync(CancellationToken.None) : pause.SuspendAsync(CancellationToken.None);
        await AnswerStatusAsync(monitor, status);
        MomentException failure = await Expect.FailsAsync(MachineErrors.VMStateUnfit, () => act);
        Assert.Contains(status, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AGuestThatCannotGoOnIsSaidWithQemusWords()
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        Task<bool> resume = new MachinePause(qmp, "web1").ResumeAsync(CancellationToken.None);
        await AnswerStatusAsync(monitor, "internal-error");
        JsonElement cont = await monitor.ReadAsync();
        Assert.Equal("cont", cont.GetProperty("execute").GetString());
        await monitor.RefuseAsync(cont, "GenericError", "Resetting the Virtual Machine is required");
        MomentException failure = await Expect.FailsAsync(MachineErrors.VMResumeRefused, () => resume);
        Assert.Contains("Resetting the Virtual Machine is required", failure.Message, StringComparison.Ordinal);
        Assert.Equal("GenericError", failure.PeerErrorClass);
    }

    [Fact]
    public async Task AGuestThatSleepsIsWoken()
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        Task<bool> resume = new MachinePause(qmp, "web1").ResumeAsync(CancellationToken.None);
        await AnswerStatusAsync(monitor, "suspended");
        JsonElement wake = await monitor.ReadAsync();
        Assert.Equal("system_wakeup", wake.GetProperty("execute").GetString());
        await monitor.ReturnAsync(wake, "{}");
        Assert.False(resume.IsCompleted);
        await monitor.TellAsync("WAKEUP", "{}");
        Assert.True(await resume);
    }

    [SkippableFact]
    public async Task WhatStandsStillIsLeftSoByEverythingElse()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(disks: "vda");
        await machine.StartAsync();
        await ResumeAsync(machine);
        await SuspendAsync(machine);
        await machine.CheckpointAsync("monday");
        await StandsStillAsync(machine);
        await machine.SnapshotAsync("disks", wish => wish with { DiskOnly = true });
        await StandsStillAsync(machine);
        await machine.SnapshotAsync("memory", wish => wish with { Memory = true });
        await StandsStillAsync(machine);
        await machine.BackupAsync();
        await StandsStillAsync(machine);
        await machine.RemoveAsync("monday");
        await StandsStillAsync(machine);
    }

    private static Task<VMDomain> SuspendAsync(TestMachine machine) => machine.Engine.SuspendDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    private static Task<VMDomain> ResumeAsync(TestMachine machine) => machine.Engine.ResumeDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    private static async Task StandsStillAsync(TestMachine machine) =>
        Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);

    private static async Task AnswerStatusAsync(FakeMonitor monitor, string status) =>
        await monitor.ReturnAsync(await monitor.ReadAsync(), $$"""{"status": "{{status}}", "running": false, "singlestep": false}""");
}
