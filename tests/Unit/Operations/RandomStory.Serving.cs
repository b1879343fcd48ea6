using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Block snapshots, one on the other, and exports with what changed since a moment, read by foreign clients at each look.</summary>
internal sealed partial class RandomStory
{
    private const int MostViews = 3, MostExports = 3;

    private readonly List<(string Name, IReadOnlyDictionary<string, StoryMoment> Disks)> _views = [];
    private readonly List<(VMBlockExport Export, StoryMoment Instant, StoryMoment? Since)> _exports = [];

    private string Fleece => Directory.CreateDirectory(Path.Combine(_machine.Scratch, "fleece")).FullName;

    private async Task ViewAsync()
    {
        if (!_running || _views.Count == MostViews)
            return;
        StoryDisk[] covered = Chance(2) ? _disks : [Any(_disks)];
        string name = $"v{_names++}";
        string? checkpoint = Chance(3) ? AnyName() : null;
        Tell($"block snapshot {name} of {string.Join(' ', covered.Select(disk => disk.Name))}{(checkpoint is null ? "" : $", with checkpoint {checkpoint}")}");
        await TakeAsync(async () =>
        {
            await _machine.Engine.CreateBlockSnapshotAsync(
                TestMachine.Name, new CreateBlockSnapshotRequest { Name = name, Disks = [.. covered.Select(disk => disk.Name)], NewCheckpoint = checkpoint, ScratchDirectory = Fleece }, _machine.Report, CancellationToken.None);
            _views.Add((name, covered.ToDictionary(disk => disk.Name, disk => checkpoint is null ? Instant(disk) : Taken(disk, checkpoint), StringComparer.Ordinal)));
            if (checkpoint is not null)
            {
                _model.Take(checkpoint);
                _removed.Remove(checkpoint);
            }

            _counts.BlockSnapshots++;
        }, refused => refused.ErrorId == OperationErrors.BitmapExists && checkpoint is not null && _stale.Contains(checkpoint), mayWrite: false);
    }

    private async Task UncoverAsync()
    {
        string[] free = [.. _views.Select(view => view.Name).Where(name => _exports.All(export => export.Export.Snapshot != name))];
        if (free.Length == 0)
            return;
        await RemoveViewAsync(Any(free));
    }

    private async Task ExportAsync()
    {
        if (_exports.Count == MostExports)
            return;
        var view = _running && _views.Count > 0 && !Chance(3) ? Any(_views) : default;
        StoryDisk disk = view.Name is null ? Any(_disks) : _disks.Single(one => one.Name == Any([.. view.Disks.Keys]));
        string? since = disk.Moments.Count > 0 && !Chance(4) ? Any([.. disk.Moments.Keys]) : null;
        string name = $"e{_names++}";
        string? address = Chance(4) ? $"unix:{Path.Combine(_machine.Scratch, name)}" : null;
        Tell($"export {name}: {disk.Name} of {view.Name ?? "now"}{(since is null ? "" : $" since {since}")}{(address is null ? "" : ", relayed")}");
        StoryMoment? until = view.Name is null ? null : view.Disks[disk.Name];
        bool made = await TakeAsync(async () =>
        {
            VMBlockExport export = Assert.Single(await _machine.Engine.StartBlockExportAsync(TestMachine.Name, new StartBlockExportRequest
            {
                Disks = [disk.Name], Snapshot = view.Name, Since = since, Address = address, ScratchDirectory = view.Name is null && _running ? Fleece : null,
                ExportNames = new Dictionary<string, string>(StringComparer.Ordinal) { [disk.Name] = name },
            }, _machine.Report, CancellationToken.None));
            _exports.Add((export, until ?? Instant(disk), since is null ? null : disk.Moments[since]));
            _counts.BlockExports++;
        }, refused => refused.Kind == ErrorKind.InvalidState && since is not null && !StoryDisk.IsKnown(disk.Moments[since], until ?? disk.Now), mayWrite: false);
        if (made)
            CheckExport(_exports[^1]);
        if (!made || _running)
            return;
        // The storage daemon holds the images: the machine does not start meanwhile, and is not written from elsewhere.
        await Assert.ThrowsAsync<MomentException>(_machine.StartAsync);
        CheckExport(_exports[^1]);
        await StopExportAsync(_exports[^1].Export);
    }

    private Task UnexportAsync() => _exports.Count == 0 ? Task.CompletedTask : StopExportAsync(Any(_exports).Export);

    // For what would take the disks away.
    private Func<Task> Alone(Func<Task> operation) => async () =>
    {
        await EndServedAsync();
        await operation();
    };

    private async Task EndServedAsync()
    {
        while (_exports.Count > 0)
            await StopExportAsync(_exports[^1].Export);
        while (_views.Count > 0)
            await RemoveViewAsync(Any(_views).Name);
    }

    private async Task LookAtServedAsync()
    {
        if (_views.Count == 0 && _exports.Count == 0)
            return;
        IReadOnlyList<VMBlockSnapshot> views = await _machine.Engine.GetBlockSnapshotsAsync(TestMachine.Name, _machine.Report, CancellationToken.None);
        Assert.Equal(_views.Select(view => view.Name).Order(StringComparer.Ordinal), views.Where(view => view.Owner != VMServiceOwner.Export).Select(view => view.Name).Order(StringComparer.Ordinal));
        Assert.All(views, view => Assert.True(view.State == VMServiceState.Ready, $"block snapshot '{view.Name}' is {view.State}: {view.Reason}"));
        IReadOnlyList<VMBlockExport> exports = await _machine.Engine.GetBlockExportsAsync(TestMachine.Name, _machine.Report, CancellationToken.None);
        Assert.Equal(_exports.Select(export => export.Export.ExportName).Order(StringComparer.Ordinal), exports.Select(export => export.ExportName).Order(StringComparer.Ordinal));
        Assert.All(exports, export => Assert.True(export.State == VMServiceState.Ready, $"export '{export.ExportName}' is {export.State}: {export.Reason}"));
        if (_exports.Count > 0)
            CheckExport(Any(_exports));
    }

    private void LoseServed()
    {
        _views.Clear();
        _exports.Clear();
    }

    private async Task RemoveViewAsync(string name)
    {
        Tell($"remove block snapshot {name}");
        await _machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, name, _machine.Report, CancellationToken.None);
        _views.RemoveAll(view => view.Name == name);
    }

    private async Task StopExportAsync(VMBlockExport export)
    {
        Tell($"stop export {export.ExportName}");
        await _machine.Engine.StopBlockExportAsync(TestMachine.Name, new StopBlockExportRequest { ExportNames = [export.ExportName] }, _machine.Report, CancellationToken.None);
        _exports.RemoveAll(one => one.Export.ExportName == export.ExportName);
    }

    private StoryMoment Taken(StoryDisk disk, string moment)
    {
        disk.Freeze();
        Keep(disk, moment);
        return disk.Moments[moment];
    }

    // An instant that no moment stands for.
    private static StoryMoment Instant(StoryDisk disk)
    {
        const string nameless = "?";
        disk.Freeze();
        disk.Keep(nameless);
        StoryMoment instant = disk.Moments[nameless];
        disk.Forget(nameless);
        return instant;
    }

    private void CheckExport((VMBlockExport Export, StoryMoment Instant, StoryMoment? Since) one)
    {
        string where = $"export '{one.Export.ExportName}' of '{one.Export.Disk}'", raw = Path.Combine(_machine.Scratch, "export.raw");
        Tool.Run("nbdcopy", one.Export.Uri.ToString(), raw);
        byte[] read = File.ReadAllBytes(raw);
        File.Delete(raw);
        Assert.True(read.AsSpan().SequenceEqual(one.Instant.Content), $"{where} does not show the instant, from byte {read.AsSpan().CommonPrefixLength(one.Instant.Content)} of {read.Length} on");
        _counts.ExportsRead++;
        if (one.Since is not { } since)
            return;
        HashSet<long> dirty = Dirty(one.Export);
        long[] missing = [.. StoryDisk.Differences(since, one.Instant, read.Length).Where(block => !dirty.Contains(block))];
        Assert.True(missing.Length == 0, $"TOO SMALL {where}: the context lacks the blocks {string.Join(", ", missing.Select(block => block.ToString(CultureInfo.InvariantCulture)))}");
        if (StoryDisk.IsExact(since, one.Instant) && one.Instant.DescendsFrom(since))
            Assert.True(dirty.SetEquals(StoryDisk.Written(since, one.Instant)), $"{where}: the context has {dirty.Count} blocks, written were {StoryDisk.Written(since, one.Instant).Count}");
    }

    private static HashSet<long> Dirty(VMBlockExport export)
    {
        using var map = JsonDocument.Parse(Tool.Run("nbdinfo", "--json", $"--map={export.Context}", export.Uri.ToString()));
        HashSet<long> blocks = [];
        foreach (JsonElement run in map.RootElement.EnumerateArray().Where(run => run.GetProperty("type").GetInt64() != 0))
            for (long offset = run.GetProperty("offset").GetInt64(), block = offset / StoryDisk.Grain, end = offset + run.GetProperty("length").GetInt64(); block * StoryDisk.Grain < end; block++)
                blocks.Add(block);
        return blocks;
    }
}
