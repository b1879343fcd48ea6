using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Takes snapshots inside the images of a test machine, and goes back to them, by the engine's own operations without a cmdlet around them.</summary>
internal sealed class InternalHand(TestMachine machine, Action<string>? probe = null)
{
    private const long Grain = 65536;

    private readonly EngineContext _context = new(
        new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")), TimeSpan.FromMinutes(2), probe, GuestAgentOptions.Default);

    public DomainMoments State => new MomentStore(machine.StateDirectory).Load(failure => throw failure);

    public Task<VMSnapshot> TakeAsync(string name, bool memory = false, params string[] disks) => machine.Engine.CreateSnapshotAsync(
        TestMachine.Name, new CreateSnapshotRequest { Name = name, Internal = true, DiskOnly = !memory, Memory = memory, Disks = disks }, machine.Report, CancellationToken.None);

    public async Task<TurnOutcome> RestoreAsync(string name, InternalRestoreOptions? options = null, CancellationToken cancellation = default)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, TestMachine.Name, "Restore-VMSnapshot", machine.Report, CancellationToken.None);
        return await new InternalRestore(_context.Catalogue, scope, machine.Report).RunAsync(new MomentKey(MomentKind.Snapshot, name), options ?? new InternalRestoreOptions(), cancellation);
    }

    public async Task<TurnOutcome> SwitchAsync(string branch, InternalRestoreOptions? options = null)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, TestMachine.Name, "Switch-VMBranch", machine.Report, CancellationToken.None);
        Assert.True(InternalRestore.IsHere(scope.State, branch));
        return await new InternalRestore(_context.Catalogue, scope, machine.Report).SwitchAsync(branch, options ?? new InternalRestoreOptions(), CancellationToken.None);
    }

    /// <summary>The numbers of the blocks that changed between two moments, or from one to now.</summary>
    public async Task<IReadOnlyList<long>> BetweenAsync(string from, string? to, string disk = "vda")
    {
        IReadOnlyList<VMChangedBlock> runs = to is null
            ? await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, [disk], machine.Report, CancellationToken.None)
            : await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, [disk], machine.Report, CancellationToken.None);
        return [.. runs.SelectMany(run => Enumerable.Range((int)(run.Offset / Grain), (int)((run.Length + Grain - 1) / Grain)).Select(block => (long)block))];
    }

    /// <summary>The tags inside an image.</summary>
    public async Task<IReadOnlyList<string>> TagsAsync(string disk)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(machine.DiskPath(disk), CancellationToken.None);
        return [.. (await image.SnapshotsAsync(CancellationToken.None)).Select(snapshot => snapshot.Name)];
    }

    /// <summary>The first byte of a block, as the disk's content is now.</summary>
    public async Task<byte> ByteAsync(long offset, string disk = "vda")
    {
        await machine.IoAsync(disk, "flush");
        return machine.Content(machine.DiskPath(disk))[offset];
    }
}
