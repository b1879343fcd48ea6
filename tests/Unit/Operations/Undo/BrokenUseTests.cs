using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Operations.Undo;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>Uses of a snapshot that cannot begin, or cannot come back.</summary>
public sealed class BrokenUseTests
{
    private static readonly UseSnapshotRequest Request = new() { Id = Guid.NewGuid(), Name = "clean" };

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"id\":")]
    public async Task ANoteThatIsNoneIsNamedAndStays(string note)
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        string path = Path.Combine(machine.StateDirectory, "use.json");
        File.WriteAllText(path, note);
        await Untouched.RefusedAsync(machine, () => BeginAsync(machine.Engine, TestMachine.Name, machine), UndoErrors.UseNoteInvalid, path);
        Assert.Equal(note, File.ReadAllText(path));
    }

    [SkippableFact]
    public async Task WithoutItsBranchThereIsNoWayBackAndItIsSaidOnce()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await BeginAsync(machine.Engine, TestMachine.Name, machine);
        await machine.Engine.RenameBranchAsync(TestMachine.Name, "main", "elsewhere", machine.Report, CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(
            UndoErrors.UseReturnImpossible, () => machine.Engine.EndSnapshotUseAsync(TestMachine.Name, Request.Id, machine.Report, CancellationToken.None));
        Assert.Contains("'main'", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"'{TestMachine.Name}'", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(failure.Advice);
        // The way back is the user's now.
        await machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "elsewhere" }, machine.Report, CancellationToken.None);
        Assert.Equal(2, machine.Content(await machine.ActivePathAsync("vda"))[4 * UndoMachine.Grain]);
    }

    [SkippableFact]
    public async Task AMachineOfSomebodyElsesIsNotStartedAnewForItsMemory()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string monitor = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor!;
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "theirs"), RuntimeRoot = Path.Combine(machine.Scratch, "run2") });
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = monitor }, machine.Report, CancellationToken.None);
        await other.CreateSnapshotAsync("guest", new CreateSnapshotRequest { Name = "clean", DiskOnly = true, AcceptOwner = true }, machine.Report, CancellationToken.None);
        string active = (await other.GetDomainAsync("guest", machine.Report, CancellationToken.None)).Disks[0].Path!;
        MomentException failure = await Expect.FailsAsync(OwnerErrors.OwnerRestartsMachine, () => BeginAsync(other, "guest", machine));
        Assert.Contains("use snapshot 'clean' of 'guest'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(active, (await other.GetDomainAsync("guest", machine.Report, CancellationToken.None)).Disks[0].Path);
    }

    private static Task<VMDomain> BeginAsync(MomentEngine engine, string vm, TestMachine machine) =>
        engine.BeginSnapshotUseAsync(vm, Request with { AcceptOwner = vm != TestMachine.Name }, machine.Report, CancellationToken.None);
}
