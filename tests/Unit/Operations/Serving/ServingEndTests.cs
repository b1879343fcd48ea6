using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>What becomes of block snapshots when their machine stops, dies, is renamed or is to be forgotten.</summary>
public sealed class ServingEndTests
{
    private const int Grain = 65536;

    [SkippableFact]
    public async Task AMachineThatIsStoppedTakesThemWithIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        await machine.CheckpointAsync("base");
        TakenView view = await TakenView.TakeAsync(machine, "tonight");
        Assert.Equal(["the block snapshot 'tonight'"], await machine.Engine.PlanStopAsync(TestMachine.Name, machine.Report, CancellationToken.None));
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.StopAsync();
        await AssertNothingLeftAsync(machine, view);
        await machine.StartAsync();
        Assert.Equal([(0, (long)Grain)], await machine.ChangesAsync("base"));
        await TakenView.TakeAsync(machine, "tonight");
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMachineThatEndsByItselfHasThemTakenDownByTheNextChange(bool killed)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        await machine.CheckpointAsync("base");
        TakenView view = await TakenView.TakeAsync(machine, "tonight");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await EndAsync(machine, killed);
        VMMomentFinding finding = Assert.Single(await ServingFindingsAsync(machine));
        Assert.Equal(("ServiceEnded", "Warning"), (finding.Id, finding.Severity));
        Assert.Equal(VMServiceState.Gone, Assert.Single(await machine.Engine.GetBlockSnapshotsAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        await machine.StartAsync();
        await AssertNothingLeftAsync(machine, view);
        if (!killed)
            Assert.Equal([(0, (long)Grain)], await machine.ChangesAsync("base"));
    }

    [SkippableFact]
    public async Task RepairTakesDownWhatIsOver()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        await machine.CheckpointAsync("base");
        TakenView view = await TakenView.TakeAsync(machine, "tonight");
        await EndAsync(machine, killed: false);
        VMMomentRepair repair = Assert.Single(await machine.RepairAsync());
        Assert.Equal(("ServiceEnded", false), (repair.Finding.Id, repair.Left));
        await AssertNothingLeftAsync(machine, view);
    }

    [SkippableFact]
    public async Task RenamingKeepsThemAtWork()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        TakenView view = await TakenView.TakeAsync(machine, "tonight");
        await machine.Engine.RenameDomainAsync(TestMachine.Name, "other", machine.Report, CancellationToken.None);
        view.Check();
        VMBlockSnapshot there = Assert.Single(await machine.Engine.GetBlockSnapshotsAsync("other", machine.Report, CancellationToken.None));
        Assert.Equal(("other", VMServiceState.Ready), (there.VM, there.State));
        await machine.Engine.RemoveBlockSnapshotAsync("other", "tonight", machine.Report, CancellationToken.None);
        await machine.Engine.RenameDomainAsync("other", TestMachine.Name, machine.Report, CancellationToken.None);
        Assert.False(File.Exists(view.ScratchOf("vda")));
    }

    [SkippableFact]
    public async Task AMachineThatIsServedIsNotForgotten()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda");
        await machine.StartAsync();
        TakenView view = await TakenView.TakeAsync(machine, "tonight");
        await Expect.FailsAsync(MachineErrors.VMRunning, () => machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None));
        view.Check();
        await machine.StopAsync();
        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None);
    }

    [SkippableFact]
    public async Task OneThatSomebodyElseStartedIsNeitherForgottenNorUpdatedWhileItIsServed()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda");
        VMDomain running = await machine.StartAsync();
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "state2"), RuntimeRoot = Path.Combine(machine.Scratch, "run2") });
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "attached", Monitor = running.Monitor }, machine.Report, CancellationToken.None);
        await other.CreateBlockSnapshotAsync("attached", new CreateBlockSnapshotRequest { Name = "tonight" }, machine.Report, CancellationToken.None);
        foreach (Func<Task> refused in (Func<Task>[])
            [
                () => other.UnregisterDomainAsync("attached", new UnregisterDomainRequest(), machine.Report, CancellationToken.None),
                () => other.RegisterDomainAsync(new RegisterDomainRequest { Name = "attached", Monitor = running.Monitor, Update = true }, machine.Report, CancellationToken.None),
            ])
        {
            MomentException failure = await Expect.FailsAsync(RestoreErrors.DiskInUse, refused);
            Assert.Contains("Remove-VMBlockSnapshot -VM 'attached' -Name 'tonight'", failure.Advice, StringComparison.Ordinal);
        }

        await other.RemoveBlockSnapshotAsync("attached", "tonight", machine.Report, CancellationToken.None);
        await other.UnregisterDomainAsync("attached", new UnregisterDomainRequest(), machine.Report, CancellationToken.None);
    }

    private static async Task EndAsync(TestMachine machine, bool killed)
    {
        if (killed)
        {
            await machine.KillMachineAsync();
            return;
        }

        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "quit", null, CancellationToken.None);
        while ((await machine.Engine.GetDomainAsync(TestMachine.Name, new TestReport(), CancellationToken.None)).State != VMState.Stopped)
            await Task.Delay(10);
    }

    internal static async Task<VMMomentFinding[]> ServingFindingsAsync(TestMachine machine) =>
    [
        .. (await machine.TestAsync())
            .Where(finding => finding.Id.StartsWith("Service", StringComparison.Ordinal) || finding.Id.StartsWith("Scratch", StringComparison.Ordinal) || finding.Id == "PointPinned"),
    ];

    private static async Task AssertNothingLeftAsync(TestMachine machine, TakenView view)
    {
        Assert.False(File.Exists(view.RecordPath));
        Assert.All(machine.Disks, disk => Assert.False(File.Exists(view.ScratchOf(disk))));
        Assert.DoesNotContain("mt-bs-", await machine.NodesAsync(), StringComparison.Ordinal);
        Assert.Empty(await ServingFindingsAsync(machine));
    }
}
