using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Snapshots;
using MomentTools.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>
/// A machine with one disk on layers: writes with what they wrote, snapshots, branches left and taken up, each remembered with its whole content,
/// so that all of it can be held against what the images say later.
/// </summary>
internal sealed class LayerMachine : IAsyncDisposable
{
    public const string Disk = "vda";
    public const long Grain = 65536;
    public const int Size = 16 << 20;

    private readonly EngineContext _context;
    private readonly Dictionary<string, byte[]> _then = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _left = new(StringComparer.Ordinal);
    private byte[] _now = new byte[Size];

    private LayerMachine(TestMachine machine, Action<string>? probe)
    {
        Machine = machine;
        _context = new EngineContext(new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")), TimeSpan.FromMinutes(2), probe, new GuestAgentOptions());
    }

    public TestMachine Machine { get; }

    public MomentEngine Engine => Machine.Engine;

    public static async Task<LayerMachine> CreateAsync(Action<string>? probe = null) => new(await TestMachine.CreateAsync(Size, discard: false, probe, [Disk]), probe);

    public DomainPlace Place => _context.Catalogue.Place(TestMachine.Name);

    public string ActivePath => _context.Catalogue.Load(Place).FindDisk(Disk)!.SourcePath!;

    public DomainMoments State => new MomentStore(Place.StateDirectory).Load(failure => Assert.Fail(failure.Message));

    public DiskTracking Tracking => State.Disk(Disk);

    /// <summary>The image that holds a snapshot's content.</summary>
    public string PathOf(string snapshot)
    {
        DiskTracking tracking = Tracking;
        return tracking.LayerOf(tracking.PointOf(new MomentKey(MomentKind.Snapshot, snapshot))!.Id).Path;
    }

    public async Task WriteAsync(byte pattern, int block, int blocks = 1)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {block * Grain} {blocks * Grain}");
        _now = [.. _now];
        _now.AsSpan((int)(block * Grain), (int)(blocks * Grain)).Fill(pattern);
        if (MachineProbe.ProcessOf(Place) is null)
        {
            Tool.Run("qemu-io", "-f", "qcow2", "-c", command, ActivePath);
            return;
        }

        JsonElement answer = await Engine.InvokeQmpAsync(TestMachine.Name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["command-line"] = $"qemu-io -d /machine/peripheral/mt-{Disk}/virtio-backend \"{command}\"",
        }), CancellationToken.None);
        Assert.Equal("", answer.GetString());
    }

    public async Task CheckpointAsync(string name)
    {
        await Machine.CheckpointAsync(name);
        _then[name] = _now;
    }

    /// <summary>An external snapshot of the disk.</summary>
    public async Task SnapshotAsync(string name)
    {
        using ChangeScope scope = await OpenAsync();
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [Disk], BlockAccess.Change, CancellationToken.None);
        SessionDisk disk = session.Disks[Disk];
        DiskTracking tracking = scope.State.Disk(Disk);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, CancellationToken.None);
        var proof = new TrackingProof(tracking, seen[Disk]);
        TrackingLayer active = FoundDisk.ActiveLayer(tracking, disk);
        TrackingLayer overlay = await OverlayFile.CreateAsync(
            session, "mt-" + scope.Id, OverlayFile.PathFor(disk.Path, scope.Domain.Uuid!.Value, name), disk.Path, disk.Format, disk.VirtualSize, disk.Path, CancellationToken.None) with { Made = true };
        var node = new OverlayNode(OverlayNode.NameFor(scope.Id, 0), overlay.Path);
        await node.AddAsync(session.Qmp, null, DriverOptions.Default, CancellationToken.None);
        string opened = $"mt-{scope.Id}-n", copy = $"mt-tmp-{scope.Id}", point = MomentIds.New(), tip = MomentIds.New(), sidecar = MomentIds.New();
        bool closes = tracking.ActiveTip is not null && proof.OwnDoubt is null;
        List<TransactionAction> actions =
        [
            TransactionAction.BlockdevSnapshot(disk.NodeName, node.NodeName),
            TransactionAction.BitmapAdd(node.NodeName, opened, persistent: true, TrackingProof.Granularity),
            CheckpointStep.Mark(node.NodeName, TrackingTip.MarkerPrefix + tip),
        ];
        if (closes)
        {
            actions.Add(TransactionAction.BitmapDisable(disk.NodeName, tracking.ActiveTip!.Recording));
            actions.Insert(0, TransactionAction.BitmapAdd(disk.NodeName, copy, granularity: TrackingProof.Granularity, disabled: true));
            actions.Add(TransactionAction.BitmapMerge(disk.NodeName, copy, [new BitmapRef(disk.NodeName, tracking.ActiveTip.Recording)]));
        }
        else if (tracking.ActiveTip is null)
        {
            actions.Insert(0, CheckpointStep.Mark(disk.NodeName, TrackingTip.MarkerPrefix + point));
        }

        await session.Qmp.TransactionAsync(actions, CancellationToken.None);
        if (closes)
        {
            await using (SessionExports exports = session.OpenExports(CancellationToken.None))
            {
                Segment segment = (await SegmentCapture.ReadAsync(exports, disk.NodeName, copy, disk.VirtualSize, CancellationToken.None))!;
                scope.Store.Segments.Write(sidecar, new Dictionary<string, Segment>(StringComparer.Ordinal) { [Disk] = segment });
            }

            await session.Qmp.BitmapRemoveAsync(disk.NodeName, copy, CancellationToken.None);
        }

        await session.CloseAsync(CancellationToken.None);
        LayerFacts facts = (await LayerReading.ChainAsync(disk.Path, disk.Format, CancellationToken.None))[0].Facts!;
        var document = new SnapshotDocument { Name = name, State = "disk-snapshot", Disks = [new SnapshotDisk(Disk, SnapshotMode.External, "file", "qcow2", overlay.Path)], Domain = scope.Domain, CreationTime = 1 };
        var moment = new StoredMoment(new MomentKey(MomentKind.Snapshot, name), scope.Id, document, scope.State.Tree(out _).NewestCurrent([Disk])?.Key, DateTimeOffset.UtcNow, null);
        document = document with { ParentName = moment.Parent?.Name };
        DiskTracking next = tracking.Freeze(
            moment.Key, active with { Facts = facts }, overlay, disk.VirtualSize, proof.Settled(closes ? sidecar : null), opened, point, tip, proof.Floor);
        Commit(scope, scope.State.With(moment with { Document = document }).With(next), overlay.Path);
        _then[name] = _now;
    }

    /// <summary>Leaves the present state as a branch and begins another one at a snapshot; the machine must be stopped.</summary>
    public async Task ForkAsync(string snapshot, string leaveAs, string branch)
    {
        using ChangeScope scope = await OpenAsync();
        DiskTracking tracking = scope.State.Disk(Disk);
        TrackingPoint from = tracking.PointOf(new MomentKey(MomentKind.Snapshot, snapshot))!;
        TrackingLayer below = tracking.LayerOf(from.Id);
        string path = OverlayFile.PathFor(below.Path, scope.Domain.Uuid!.Value, branch);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below.Path, "-F", "qcow2", path, from.Size.ToString(CultureInfo.InvariantCulture));
        string opened = $"mt-{scope.Id}-n", tip = MomentIds.New();
        Tool.Run("qemu-img", "bitmap", "--add", "-g", "65536", path, opened);
        Tool.Run("qemu-img", "bitmap", "--add", "--disable", "-g", "1073741824", path, TrackingTip.MarkerPrefix + tip);
        TrackingLayer overlay = new TrackingLayer(MomentIds.New(), path, below.Id, null, OverlayFile.FactsOf(path, below.Path, "qcow2")) with { Made = true };
        DomainMoments next = tracking.ActiveBranch == leaveAs ? scope.State : scope.State.RenameBranch(tracking.ActiveBranch, leaveAs);
        next = next.With(next.Disk(Disk).Fork(branch, from.Id, overlay, from.Size, opened, tip)).Activate(branch);
        Commit(scope, next, path);
        _left[leaveAs] = _now;
        _now = _then[snapshot];
    }

    /// <summary>Goes to a branch that was left; the machine must be stopped.</summary>
    public async Task SwitchAsync(string branch)
    {
        using ChangeScope scope = await OpenAsync();
        _left[scope.State.ActiveBranch] = _now;
        DiskTracking tracking = scope.State.Disk(Disk);
        Commit(scope, scope.State.Activate(branch), tracking.Layers[tracking.Tips[branch].LayerId].Path);
        _now = _left[branch];
    }

    /// <summary>Forgets a snapshot at once, nothing being kept, and lets the collector do what follows.</summary>
    public async Task<CollectorOutcome> ForgetAsync(string name, CollectorLimits? limits = null)
    {
        using ChangeScope scope = await OpenAsync();
        await CheckpointRemoval.RunAsync(scope, scope.State.Tree(out _), [new MomentKey(MomentKind.Snapshot, name)], BitmapScope.Moments, Machine.Report, CancellationToken.None);
        _then.Remove(name);
        return await Collector.RunAsync(scope, limits ?? new CollectorLimits { Merge = true }, Machine.Report, CancellationToken.None);
    }

    public async Task<CollectorOutcome> CollectAsync(CollectorLimits? limits = null)
    {
        using ChangeScope scope = await OpenAsync();
        return await Collector.RunAsync(scope, limits ?? new CollectorLimits { Merge = true }, Machine.Report, CancellationToken.None);
    }

    public async Task DropAsync(string branch)
    {
        using ChangeScope scope = await OpenAsync();
        DomainMoments next = scope.State.WithoutBranch(branch);
        using Journal journal = scope.Begin(LayerThaw.Operation, [], next);
        scope.Commit(journal, next);
        _left.Remove(branch);
    }

    /// <summary>Everything that can be known is what it was: contents, changes between all pairs, chains, and no file of ours too many.</summary>
    public async Task AssertSoundAsync(string where, bool mayBeUnknown = false)
    {
        // What QEMU holds in memory of a disk that it writes, its file does not say.
        if (MachineProbe.ProcessOf(Place) is not null)
            await Machine.IoAsync(Disk, "flush");
        DomainMoments state = State;
        DiskTracking tracking = state.Disk(Disk);
        Assert.True(Same(_now, Read(ActivePath)), $"{where}: the disk differs");
        foreach ((string name, byte[] then) in _then)
            if (state.Moments.ContainsKey(new MomentKey(MomentKind.Snapshot, name)))
                Assert.True(Same(then, Read(PathOf(name))), $"{where}: snapshot {name} differs");
        foreach ((string branch, byte[] left) in _left.Where(left => left.Key != state.ActiveBranch))
            Assert.True(Same(left, Read(tracking.Layers[tracking.Tips[branch].LayerId].Path)), $"{where}: branch {branch} differs");
        string[] names = [.. _then.Keys.Where(name => state.Moments.Keys.Any(key => key.Name == name) && tracking.Points.Values.Any(point => point.Moment?.Name == name))];
        foreach (string from in names)
        {
            await AssertCoveredAsync(_then[from], _now, () => Engine.GetChangedBlocksAsync(TestMachine.Name, from, [Disk], Machine.Report, CancellationToken.None), $"{where}: {from} to now", mayBeUnknown);
            foreach (string to in names.Where(to => to != from))
                await AssertCoveredAsync(_then[from], _then[to], () => Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, [Disk], Machine.Report, CancellationToken.None), $"{where}: {from} to {to}", mayBeUnknown);
        }

        foreach (TrackingLayer layer in tracking.Layers.Values)
        {
            Assert.True(File.Exists(layer.Path), $"{where}: '{layer.Path}' is gone");
            if (MachineProbe.ProcessOf(Place) is null)
                AssertWhole(layer.Path, where);
        }

        Assert.True(File.Exists(Machine.DiskPath(Disk)), $"{where}: the base image is gone");
        string[] known = [.. tracking.Layers.Values.Select(layer => layer.Path)];
        Assert.Equal([], Directory.EnumerateFiles(Machine.Scratch).Where(path => path.Contains(".qcow2", StringComparison.Ordinal) && !known.Contains(path, StringComparer.Ordinal)));
        string journal = Path.Combine(Place.StateDirectory, "journal");
        Assert.True(!Directory.Exists(journal) || !Directory.EnumerateFileSystemEntries(journal).Any(), $"{where}: a journal is left");
    }

    public byte[] Read(string path) => Machine.Content(path);

    public ValueTask DisposeAsync() => Machine.DisposeAsync();

    private Task<ChangeScope> OpenAsync() => ChangeScope.OpenAsync(_context, TestMachine.Name, "test", Machine.Report, CancellationToken.None);

    private static void Commit(ChangeScope scope, DomainMoments next, string active)
    {
        using Journal journal = scope.Begin(LayerThaw.Operation, [], next);
        scope.Commit(journal, next, ("domain.xml", scope.Domain.WithDiskSource(Disk, active, "qcow2").ToXml(secure: true)));
    }

    // Clusters that nobody refers to are what a dead QEMU leaves; they cost space and nothing else.
    private static void AssertWhole(string path, string where)
    {
        const int leaks = 3;
        (int exit, string output, string error) = Tool.TryRun("qemu-img", "check", "-q", path);
        Assert.True(exit is 0 or leaks, $"{where}: '{path}': {output}{error}");
    }

    private static bool Same(byte[] one, byte[] other) => one.AsSpan().SequenceEqual(other);

    private static async Task AssertCoveredAsync(byte[] from, byte[] to, Func<Task<IReadOnlyList<VMChangedBlock>>> ask, string what, bool mayBeUnknown)
    {
        IReadOnlyList<VMChangedBlock> said;
        try
        {
            said = await ask();
        }
        catch (MomentException unknown) when (mayBeUnknown && unknown.ErrorId.Name == "ChangesUnknown")
        {
            return;
        }

        for (int block = 0; block < Size / Grain; block++)
        {
            int at = (int)(block * Grain);
            if (!from.AsSpan(at, (int)Grain).SequenceEqual(to.AsSpan(at, (int)Grain)))
                Assert.True(said.Any(run => run.Offset <= at && run.Offset + run.Length >= at + Grain), $"{what}: block {block} is missing");
        }
    }
}
