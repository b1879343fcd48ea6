using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Takes snapshots inside the images of a test machine, and goes back to them, by the engine's own operations without a cmdlet around them.</summary>
internal sealed class InternalHand(TestMachine machine, Action<string>? probe = null)
{
    private const long Grain = 65536;

    private readonly EngineContext _context = new(
        new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")), TimeSpan.FromSeconds(5), probe, GuestAgentOptions.Default);

    public DomainMoments State => new MomentStore(machine.StateDirectory).Load(failure => throw failure);

    public async Task TakeAsync(string name, bool memory = false, params string[] disks)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, TestMachine.Name, "New-VMSnapshot", machine.Report, CancellationToken.None);
        string[] covered = disks.Length == 0 ? [.. machine.Disks] : disks;
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, covered, BlockAccess.Change, CancellationToken.None);
        var key = new MomentKey(MomentKind.Snapshot, name);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var document = new SnapshotDocument
        {
            Name = name, CreationTime = now.ToUnixTimeSeconds(), Domain = scope.Domain,
            State = memory ? "running" : session.IsMachine ? "disk-snapshot" : "shutoff",
            Memory = new SnapshotMemory(memory ? SnapshotMode.Internal : SnapshotMode.No),
            Disks = [.. machine.Disks.Select(disk => new SnapshotDisk(disk, covered.Contains(disk) ? SnapshotMode.Internal : SnapshotMode.No))],
        };
        var moment = new StoredMoment(key, scope.Id, document, scope.State.Tree(out _).NewestCurrent(covered)?.Key, now, null);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, CancellationToken.None);
        CheckpointPlan plan = CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, session.Disks.Values, seen);
        bool ran = session.IsMachine && (await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running;
        using Journal journal = scope.Begin("bitmap-create", [], plan.Next);
        await using (FullMarks marks = await FullMarks.MakeAsync(session, plan.Steps, scope.Id, CancellationToken.None))
        {
            if (ran)
                await session.Qmp.StopAsync(CancellationToken.None);
            await ImageTips.SaveAsync(session, scope.Id, [.. session.Disks.Values.Select(disk => disk.NodeName)], name, memory);
            await session.Qmp.TransactionAsync(plan.Steps.SelectMany(marks.Actions), CancellationToken.None);
            if (ran)
                await session.Qmp.ContAsync(CancellationToken.None);
        }

        await using (SessionExports exports = session.OpenExports(CancellationToken.None))
        {
            IReadOnlyDictionary<string, Segment> segments = await SegmentCapture.RunAsync(exports, plan.Steps, seen, CancellationToken.None);
            if (segments.Count > 0)
                scope.Store.Segments.Write(scope.Id, segments);
        }

        TransactionAction[] copies = [.. plan.Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!))];
        if (copies.Length > 0)
            await session.Qmp.TransactionAsync(copies, CancellationToken.None);
        await session.CloseAsync(CancellationToken.None);
        scope.Commit(journal, plan.Next);
    }

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
