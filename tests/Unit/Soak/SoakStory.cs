using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Operations.Health;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Soak;

/// <summary>What is done to a machine whose guest writes all the time, at random by its seed; after each step the guest must write on.</summary>
internal sealed partial class SoakStory : IAsyncDisposable
{
    private const long DiskSize = 96 << 20;
    private const int MostMoments = 8, MostSnapshots = 4;

    private readonly SoakInstants _instants = new();
    private readonly SoakHistory _history = new();
    private readonly GuestMachine _machine;
    private readonly Random _random;
    private readonly List<string> _told = [];
    private readonly (int Weight, Func<Task> Run)[] _operations;
    private int _names;
    private int _newest;
    private bool _cut;

    public SoakStory(FileGuest guest, int seed)
    {
        _random = new Random(seed);
        _machine = new GuestMachine(guest, OnStep);
        _instants.Attach(_machine);
        _operations =
        [
            (6, CheckpointAsync), (3, RemoveCheckpointAsync), (4, AskAsync), (9, BackupAsync), (2, RetainAsync), (1, FoldAsync), (5, ExportAsync),
            (5, SnapshotAsync), (3, GoBackAsync), (2, SwitchAsync), (1, RemoveBranchAsync), (2, RemoveSnapshotAsync), (1, MergeAsync), (1, UndoAsync), (1, CutPowerAsync),
            (1, InPlaceAsync), (1, AsDomainAsync), (1, InstantAsync),
        ];
    }

    public SoakCounts Counts { get; } = new();

    public string Told => string.Join("\n  ", _told);

    public async Task BeginAsync()
    {
        await _machine.CreateAsync(DiskSize);
        await _machine.StartAsync(GuestMachine.Name);
        await FileGuest.CheckedAsync(_machine.Serial);
        await RunsAsync();
        // However few steps a slow host comes to, some of each are held against a copy.
        while (_instants.Names.Count == 0)
        {
            await CheckpointAsync();
            await FollowAsync();
        }

        await AskAsync();
        await ExportAsync();
        await RunsAsync();
    }

    public async Task StepAsync()
    {
        int at = _random.Next(_operations.Sum(operation => operation.Weight));
        await _operations.First(operation => (at -= operation.Weight) < 0).Run();
        await RunsAsync();
        await FollowAsync();
    }

    public async Task EndAsync()
    {
        foreach ((string id, (_, string? copy)) in _backups)
            await RestoreAsync(id, copy);
        await BootAsync();
        await _machine.StopAsync(GuestMachine.Name);
        if (_backups.Count > 0)
            Assert.Empty(await _machine.Engine.TestBackupsAsync(GuestMachine.Name, new TestBackupRequest { Repository = _machine.Repository }, _machine.Report, CancellationToken.None));
        VMMomentFinding[] found = [.. (await _machine.Engine.TestMomentsAsync(GuestMachine.Name, [], _machine.Report, CancellationToken.None)).Where(finding => finding.Severity == "Error" && !IsOfTheCut(finding))];
        Assert.True(found.Length == 0, string.Join('\n', found.Select(finding => $"{finding.Id}: {finding.Text}")));
        VMDomain domain = await DomainAsync();
        (int exit, string output, string error) = Tool.TryRun("qemu-img", "check", "-f", "qcow2", domain.Disks[0].Path!);
        Assert.True(exit == 0 || (_cut && exit == 3), $"qemu-img check: {output}{error}");
        Assert.Empty(_machine.Report.Failures);
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private void OnStep(string step)
    {
        _instants.OnStep(step);
        if (step == "restore-instant:opened")
            _opened?.Invoke();
    }

    // The bitmaps that QEMU had open when it died, as long as no moment was taken since.
    private bool IsOfTheCut(VMMomentFinding finding) => _history.IsPresentCut && finding.Id is FindingIds.BitmapInconsistent or FindingIds.BitmapMissing;

    // Some of what has an instant is done as the guest writes, and some with a copy of that instant to compare with.
    private async Task<string?> InstantAsync(Func<Task> operation)
    {
        if (!Chance(4))
            return await _instants.AtAsync(operation);
        await operation();
        return null;
    }

    // A guest that is held, or whose disk fails it, writes no further file.
    private async Task RunsAsync()
    {
        VMDomain domain = await DomainAsync();
        Assert.True(domain.State == VMState.Running, $"the machine is {domain.State}");
        int newest = await FileGuest.WroteAsync(_machine.Serial, 1);
        Counts.Files += Math.Max(0, newest - _newest);
        _newest = newest;
    }

    // What is no longer there needs no copy.
    private async Task FollowAsync()
    {
        HashSet<string> there = [.. (await _machine.Engine.GetMomentsAsync(GuestMachine.Name, new MomentQuery(), _machine.Report, CancellationToken.None)).Select(moment => moment.Name)];
        foreach (string gone in _instants.Names.Where(name => !there.Contains(name)).ToArray())
            _instants.Forget(gone);
        foreach (string gone in _snapshots.Keys.Where(name => !there.Contains(name)).ToArray())
            _snapshots.Remove(gone);
        _history.Follow(there, (await KeptAsync()).Select(kept => kept.Id));
    }

    // What is refused must have a reason, and has changed nothing: the next steps tell.
    private async Task<bool> TryAsync(string what, Func<Task> operation, bool mayBeUnknown = false)
    {
        Tell(what);
        try
        {
            await operation();
            return true;
        }
        catch (MomentException refused) when (refused.ErrorId == OperationErrors.ChangesUnknown ? mayBeUnknown : refused.Kind is ErrorKind.InvalidState or ErrorKind.Refused or ErrorKind.Unsupported)
        {
            Tell($"  refused: {refused.ErrorId.Name}: {refused.Message}");
            Counts.Refuse(refused.ErrorId.Name);
            return false;
        }
    }

    // A guest whose machine is set back without its memory starts again, and judges what it finds.
    private async Task<bool> TurnAsync(string what, bool memory, (int Before, int After)? range, Func<Task> operation)
    {
        VMDomain before = await DomainAsync();
        int starts = FileGuest.Starts(_machine.Serial);
        if (!await TryAsync(what, operation))
            return false;
        VMDomain after = await DomainAsync();
        if (after.State == VMState.Stopped)
            await _machine.StartAsync(GuestMachine.Name);
        _newest = int.MaxValue;
        if (memory && after.State != VMState.Stopped)
            return true;
        await JudgeAsync(before.ProcessId == after.ProcessId ? starts : 0, range);
        return true;
    }

    private async Task JudgeAsync(int starts, (int Before, int After)? range)
    {
        (int files, int newest) = await FileGuest.StartedAsync(_machine.Serial, starts);
        Counts.Starts++;
        Tell($"  the guest found {files} files, the newest is {newest}");
        if (range is { } wanted)
            Assert.InRange(newest, wanted.Before, wanted.After);
    }

    private async Task CutPowerAsync()
    {
        Tell("cut the power");
        VMDomain domain = await DomainAsync();
        HostProcess process = HostProcess.Find(domain.ProcessId!.Value)!;
        process.Signal(HostProcess.Kill);
        Assert.True(await process.EndsWithinAsync(TimeSpan.FromSeconds(20), CancellationToken.None));
        // It says that it wrote a file once that is on the disk: at most one more is there.
        int surely = FileGuest.Newest(_machine.Serial);
        await _machine.StartAsync(GuestMachine.Name);
        await JudgeAsync(0, (surely, surely + 1));
        Counts.Did("power cuts");
        _history.Cut();
        _cut = true;
    }

    private Task<VMDomain> DomainAsync() => _machine.Engine.GetDomainAsync(GuestMachine.Name, _machine.Report, CancellationToken.None);

    private T Any<T>(IReadOnlyList<T> things) => things[_random.Next(things.Count)];

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private void Tell(string what) => _told.Add(what);
}
