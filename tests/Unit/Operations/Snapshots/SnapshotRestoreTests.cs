using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Branches;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

public sealed class SnapshotRestoreTests
{
    private const int Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARestoreGivesTheContentBackAndKeepsWhatWasLeft(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        SnapshotForge forge = await PrepareAsync(machine, running);
        VMSnapshotRestore plan = await machine.Engine.PlanSnapshotRestoreAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None);
        Assert.Equal([("vda", true, (long?)Grain), ("vdb", true, 2 * Grain)], plan.Disks.Select(disk => (disk.Name, disk.Restored, disk.Written)));

        VMSnapshotRestore done = await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", Running = running });
        Assert.Equal(("main", running ? VMState.Running : VMState.Stopped), (done.Branch, done.State!.Value));
        await forge.IoAsync("vda", $"read -P 1 0 {Grain}");
        await forge.IoAsync("vda", $"read -P 0 {Grain} {Grain}");
        await forge.IoAsync("vdb", $"read -P 0 0 {2 * Grain}");
        Assert.Empty(await machine.ChangesAsync("base"));
        await forge.IoAsync("vda", $"write -P 5 {3 * Grain} {Grain}");
        Assert.Equal([(3 * Grain, (long)Grain)], await machine.ChangesAsync("base"));

        // What was left is there under a name of nobody's, and is come back to.
        DomainMoments state = forge.Load();
        KeptAside kept = Assert.Single(state.Kept);
        Assert.Equal((done.UndoId, "main", "Restore-VMSnapshot"), (kept.Id, kept.BranchName, kept.Operation));
        await forge.SwitchAsync(kept.Branch!);
        await forge.IoAsync("vda", $"read -P 2 {Grain} {Grain}");
        await forge.IoAsync("vdb", $"read -P 3 0 {2 * Grain}");
        await forge.IoAsync("vda", $"read -P 0 {3 * Grain} {Grain}");
        await AssertSoundAsync(machine);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithABranchTheOldOneStaysAsItIs(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        SnapshotForge forge = await PrepareAsync(machine, running);
        VMSnapshotRestore done = await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", Branch = "try", Paused = running });
        Assert.Equal(("try", "main", null), (done.Branch, done.LeftBranch, done.UndoId));
        Assert.Empty(forge.Load().Kept);
        await forge.IoAsync("vda", $"read -P 0 {Grain} {Grain}");
        await forge.IoAsync("vda", $"write -P 7 0 {Grain}");
        MomentException taken = await Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", Branch = "main" }));
        Assert.Equal(BranchErrors.BranchExists, taken.ErrorId);
        await forge.SwitchAsync("main");
        await forge.IoAsync("vda", $"read -P 2 {Grain} {Grain}");
        await forge.IoAsync("vda", $"read -P 1 0 {Grain}");
        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", $"read -P 7 0 {Grain}");
        await AssertSoundAsync(machine);
    }

    [SkippableFact]
    public async Task ARunningMachineEndsWhereTheSnapshotWasTakenOffAndThatIsNotKeptWhereNobodyWantsIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        SnapshotForge forge = await PrepareAsync(machine, running: true);
        VMSnapshotRestore done = await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", UndoFor = TimeSpan.Zero });
        Assert.Equal(VMState.Stopped, done.State);
        await forge.IoAsync("vda", $"read -P 0 {Grain} {Grain}");
        Assert.Null(done.UndoId);
        Assert.Empty(forge.Load().Kept);
        Assert.False(File.Exists(machine.DiskPath("vda.clean")), "the layer of nobody is still there");
        await AssertSoundAsync(machine);
    }

    [SkippableFact]
    public async Task WhatCannotBeIsSaidAndNothingIsTouched()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        SnapshotForge forge = await PrepareAsync(machine, running: true);
        string before = StateOf(machine);
        await Expect.FailsAsync(MomentErrors.MomentNotFound, () => RestoreAsync(machine, new RestoreSnapshotRequest { Name = "nowhere" }));
        await Expect.FailsAsync(RestoreErrors.MomentIsCheckpoint, () => RestoreAsync(machine, new RestoreSnapshotRequest { Name = "base" }));

        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"SCRATCH/nbd"}}}""".Replace("SCRATCH", machine.Scratch, StringComparison.Ordinal), CancellationToken.None);
        string node = SnapshotForge.NodeOf(await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-block", null, CancellationToken.None), "vdb");
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block-export-add", """{"id":"his","type":"nbd","node-name":"NODE"}""".Replace("NODE", node, StringComparison.Ordinal), CancellationToken.None);
        MomentException used = await Expect.FailsAsync(RestoreErrors.DiskInUse, () => RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean" }));
        Assert.Contains("disk 'vdb' is in use by the export 'his'", used.Message, StringComparison.Ordinal);
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block-export-del", """{"id":"his","mode":"hard"}""", CancellationToken.None);

        Assert.Equal(before, StateOf(machine));
        await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", Paused = true });
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASnapshotOfOneDiskTakesThatOneBackAndSaysWhichStays(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var forge = new SnapshotForge(machine);
        await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "clean", Disks = ["vda"], DiskOnly = true }, machine.Report, CancellationToken.None);
        if (running)
            await machine.StartAsync();
        await forge.IoAsync("vda", $"write -P 2 0 {Grain}");
        await forge.IoAsync("vdb", $"write -P 3 0 {Grain}");
        // QEMU keeps it open: its tables would else be only in QEMU.
        await forge.IoAsync("vdb", "flush");
        VMSnapshotRestore done = await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "clean", Branch = "try", Paused = running });
        Assert.Equal([("vda", true), ("vdb", false)], done.Disks.Select(disk => (disk.Name, disk.Restored)));
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("does not cover disk 'vdb'", StringComparison.Ordinal) && warning.EndsWith("which stays as it is.", StringComparison.Ordinal));
        await forge.IoAsync("vda", $"read -P 0 0 {Grain}");
        await forge.IoAsync("vdb", $"read -P 3 0 {Grain}");
        await forge.SwitchAsync("main");
        await forge.IoAsync("vda", $"read -P 2 0 {Grain}");
        await forge.IoAsync("vdb", $"read -P 3 0 {Grain}");
        await AssertSoundAsync(machine);
    }

    // vda: 1 at 0 under the snapshot, 2 behind it; vdb: 3 behind it.
    internal static async Task<SnapshotForge> PrepareAsync(TestMachine machine, bool running)
    {
        var forge = new SnapshotForge(machine);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("base");
        await forge.SnapshotAsync("clean");
        if (running)
            await machine.StartAsync();
        await forge.IoAsync("vda", $"write -P 2 {Grain} {Grain}");
        await forge.IoAsync("vdb", $"write -P 3 0 {2 * Grain}");
        return forge;
    }

    private static Task<VMSnapshotRestore> RestoreAsync(TestMachine machine, RestoreSnapshotRequest request) =>
        machine.Engine.RestoreSnapshotAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    private static string StateOf(TestMachine machine) => string.Join('\n', Directory.EnumerateFiles(machine.StateDirectory, "*.xml", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllText));

    private static async Task AssertSoundAsync(TestMachine machine)
    {
        await machine.CheckpointAsync("after");
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        Assert.Empty(machine.Report.Failures);
    }
}
