using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>One random sequence of operations, made by its seed alone; everything is checked after each.</summary>
internal sealed partial class RandomStory : IAsyncDisposable
{
    private const int Sector = 512;
    private const int LargestPower = 9;
    private const long Least = 16 << 20;
    private const int LeastSectors = 24 << 10;
    private const int MostSectors = 40 << 10;

    // Steps at which an operation can still be taken back.
    private static readonly string[] Revocable = ["targets", "transaction", "capture", "frozen", "copying", "remove copies", "close targets", "sidecar", "close", "publish", "files", "nodes", "instant", "taken", "views", "relay", "comparing", "exports", "copied", "close views"];

    private readonly Random _random;
    private readonly StoryCounts _counts;
    private readonly List<string> _told = [];
    private readonly List<string> _removed = [];
    private readonly HashSet<string> _stale = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Path, byte[] Content)> _copies = new(StringComparer.Ordinal);
    private readonly (int Weight, Func<Task> Run)[] _operations;
    private readonly bool _mayKill;
    private readonly bool _layered;
    // Whether there are snapshots and branches: then nobody else puts copies in the images' places, or writes beneath.
    private readonly bool _branching;
    private readonly bool _serving;
    private TestMachine _machine = null!;
    private StoryJudge _judge = null!;
    private StoryModel _model = null!;
    private StoryFiles _files = null!;
    private StoryLayers _layers = null!;
    private StoryDisk[] _disks = [];
    private bool _running;
    private bool _killed;
    private bool _copiedBack;
    private bool _mayMerge;
    private bool _writtenBeneath;
    private int _starts;
    private int _names;
    private string? _cancelAt;
    private string? _killAt;
    private bool _writeWithin;

    private RandomStory(int seed, StoryCounts counts)
    {
        _random = new Random(seed);
        _counts = counts;
        _branching = Chance(2);
        bool kills = Chance(2), copies = Chance(3) && !_branching, resizes = Chance(3);
        _layered = Chance(2);
        _mayKill = kills;
        _serving = Chance(2);
        _operations =
        [
            (12, WriteAsync), (3, ZeroAsync), (2, DiscardAsync), (7, CheckpointAsync), (4, RemoveAsync), (4, ToggleAsync), (8, BackupAsync), (1, RestoreAsync), (2, RetainAsync), (2, FoldAsync), (2, Alone(RestoreInPlaceAsync)),
            (kills ? 3 : 0, KillAsync), (copies ? 4 : 0, CopyAsync), (copies ? 2 : 0, CopyBackAsync), (copies ? 2 : 0, Alone(LoseTrackingAsync)), (resizes ? 3 : 0, Alone(ResizeAsync)), (1, RenameAsync),
            (_layered && !_branching ? 5 : 0, Alone(WriteBeneathAsync)),
            (_branching ? 6 : 0, SnapshotAsync), (_branching ? 4 : 0, Alone(GoBackAsync)), (_branching ? 3 : 0, Alone(SwitchAsync)), (_branching ? 1 : 0, BranchAsync),
            (_branching ? 1 : 0, RenameBranchAsync), (_branching ? 1 : 0, Alone(RemoveBranchAsync)), (_branching ? 2 : 0, Alone(RemoveSnapshotAsync)), (_branching ? 1 : 0, Alone(MergeAsync)), (_branching ? 2 : 0, Alone(UndoAsync)),
            (_serving ? 6 : 0, ViewAsync), (_serving ? 3 : 0, UncoverAsync), (_serving ? 6 : 0, ExportAsync), (_serving ? 3 : 0, UnexportAsync),
        ];
    }

    /// <summary>The operations so far, as they are to be read in a failure.</summary>
    public string Told => string.Join("\n  ", _told);

    public static async Task<RandomStory> BeginAsync(int seed, StoryCounts counts)
    {
        var story = new RandomStory(seed, counts);
        long size = Least + (story.Chance(2) ? story._random.Next(0, 256) * (long)Sector : 0);
        string[] disks = [.. ((string[])["vda", "vdb", "vdc"]).Take(story._random.Next(1, 4))];
        story.Tell($"{disks.Length} disks of {size} bytes");
        story._machine = await TestMachine.CreateAsync(size, discard: true, story.OnStep, disks);
        story._disks = [.. disks.Select(disk => story.MakeDisk(disk, size))];
        story._judge = new StoryJudge(story._machine, story._disks, counts);
        story._model = new StoryModel(story._machine, story._disks);
        story._files = new StoryFiles(story._machine);
        story._layers = new StoryLayers(story._machine, story._disks, counts);
        return story;
    }

    public async Task StepAsync()
    {
        int at = _random.Next(_operations.Sum(operation => operation.Weight));
        Func<Task> run = _operations.First(operation => (at -= operation.Weight) < 0).Run;
        if (_branching)
            await _files.RememberAsync();
        _mayMerge = false;
        await run();
        _counts.Operations++;
        if (_branching)
        {
            await LookAsync();
            await _files.CheckAsync(_mayMerge);
            _layers.Check(_model.Inside);
        }

        await LookAtServedAsync();
        await _judge.CheckMomentsAsync();
        // A point that a block snapshot holds keeps its edge apart, and with it its bitmap.
        await _model.CheckAsync(bitmapsToo: !_serving && !_killed && !_copiedBack && !_branching && _stale.Count == 0);
        if (!_killed && !_copiedBack)
            await _judge.CheckLeftoversAsync(mayBeForeign: _stale.Count > 0, mayWarn: _writtenBeneath);
        if (Chance(3))
            await _judge.CheckContentAsync(Any(_disks));
        if (_backups.Count > 0 && Chance(3))
            _judge.CheckBackup(Any(_backups));
    }

    public async Task EndAsync()
    {
        if (_running)
            await ToggleAsync();
        foreach (StoryDisk disk in _disks)
            await _judge.CheckContentAsync(disk);
        foreach (StoryBackup backup in _backups)
            await _judge.RestoreAsync(backup, Path.Combine(_machine.Scratch, "end"));
        foreach (string repository in _backups.Select(backup => backup.Backup.Repository).Distinct(StringComparer.Ordinal))
            await _judge.CheckRepositoryAsync(repository);
        _judge.CheckImages(mayLeak: _killed);
        _counts.Sequences++;
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private async Task CheckpointAsync()
    {
        StoryDisk[] covered = Chance(3) ? _disks : [.. _disks.Where(_ => Chance(2)).DefaultIfEmpty(Any(_disks)).Distinct()];
        string name = AnyName();
        Tell($"checkpoint {name} of {string.Join(' ', covered.Select(disk => disk.Name))}");
        bool made = await TakeAsync(async () =>
        {
            await _machine.CheckpointAsync(name, [.. covered.Select(disk => disk.Name)]);
            foreach (StoryDisk disk in covered)
                Keep(disk, name);
            _model.Take(name);
        }, refused => refused.ErrorId == OperationErrors.BitmapExists && (_copiedBack || _stale.Contains(name)));
        if (made)
            _removed.Remove(name);
    }

    // What was written beneath a running machine may come to light when it starts again: until then each moment leaves it open.
    private byte[] Keep(StoryDisk disk, string moment)
    {
        byte[] kept = disk.Keep(moment);
        if (_running && disk.WrittenBeneathIn == _starts)
            disk.Doubt();
        else
            disk.WrittenBeneathIn = 0;
        return kept;
    }

    private async Task RemoveAsync()
    {
        string[] moments = [.. _disks.SelectMany(disk => disk.Moments.Keys).Distinct().Where(name => !_model.Inside.ContainsKey(name)).Order(StringComparer.Ordinal)];
        if (moments.Length == 0)
            return;
        // The checkpoint of the last backup is what the next increment stands on.
        string name = Any(moments);
        if (_backups.Count > 0 && name == _backups[^1].Backup.Checkpoint)
            name = Any(moments);
        int form = _branching ? 7 : _random.Next(8);
        var request = new RemoveMomentRequest { Name = name, Descendants = form == 0, DescendantsOnly = form == 1, MetadataOnly = Chance(8) };
        Tell($"remove {request.Name}{(request.Descendants ? " with descendants" : request.DescendantsOnly ? "'s descendants" : "")}{(request.MetadataOnly ? ", metadata only" : "")}");
        IReadOnlyList<VMMoment> gone = await _machine.Engine.RemoveMomentsAsync(TestMachine.Name, request, _machine.Report, CancellationToken.None);
        Assert.Equal(_model.Remove(name, request.Descendants, request.DescendantsOnly).Order(StringComparer.Ordinal), gone.Select(moment => moment.Name).Order(StringComparer.Ordinal));
        foreach (VMMoment removed in gone)
        {
            _counts.Removals++;
            foreach (StoryDisk disk in _disks)
                disk.Forget(removed.Name);
            _removed.Add(removed.Name);
            if (request.MetadataOnly)
                _stale.Add(removed.Name);
        }
    }

    // Takes a moment, perhaps with writes of the guest in the middle of it, perhaps cancelled there, or with QEMU dying there.
    private async Task<bool> TakeAsync(Func<Task> take, Func<MomentException, bool> mayRefuse, bool mayWrite = true)
    {
        _cancelAt = Chance(8) ? Any(Revocable) : null;
        _killAt = _mayKill && _running && Chance(6) ? Any(Revocable) : null;
        _writeWithin = Chance(2) && mayWrite;
        _instantHeld = false;
        bool wasRunning = _running;
        try
        {
            await take();
            return true;
        }
        catch (OperationCanceledException)
        {
            Tell($"  cancelled at '{_cancelAt}'");
            _counts.Cancelled++;
        }
        catch (MomentException failure) when (wasRunning && !_running)
        {
            Tell("  failed: " + failure.Message);
        }
        catch (MomentException refused) when (mayRefuse(refused))
        {
            Tell("  refused: " + refused.Message);
        }
        finally
        {
            (_cancelAt, _killAt, _writeWithin) = (null, null, false);
            foreach (StoryDisk disk in _disks)
                disk.Drop();
        }

        return false;
    }

    private void OnStep(string step)
    {
        string place = step[(step.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (!Revocable.Contains(place) || _machine is null)
            return;
        // The instant is behind it, and nothing is written down yet.
        if (place is "taken" || (place is "capture" or "frozen" && !_instantHeld))
            foreach (StoryDisk disk in _disks)
                disk.Freeze();
        _instantHeld |= place is "taken";
        if (_running && _writeWithin && Chance(2))
        {
            Tell($"  at '{place}':");
            WriteAsync(Any(_disks)).GetAwaiter().GetResult();
        }

        if (_running && place == _killAt)
        {
            Tell($"  killed at '{place}'");
            LoseMachineAsync().GetAwaiter().GetResult();
        }

        if (place == _cancelAt)
            throw new OperationCanceledException();
    }

    private string AnyName() => _removed.Count > 0 && Chance(2) ? Any(_removed) : $"c{_names++}";

    private T Any<T>(IReadOnlyList<T> things) => things[_random.Next(things.Count)];

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private void Tell(string what) => _told.Add(what);
}
