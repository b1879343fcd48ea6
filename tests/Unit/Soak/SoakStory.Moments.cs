using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Soak;

/// <summary>Checkpoints, what changed since them, backups and exports: all held against copies of the same instants.</summary>
internal sealed partial class SoakStory
{
    // By id; without a copy where the guest wrote through the instant.
    private readonly Dictionary<string, string?> _backups = new(StringComparer.Ordinal);

    private async Task CheckpointAsync()
    {
        if (_instants.Names.Count >= MostMoments)
            return;
        string name = $"c{_names++}";
        Tell($"checkpoint {name}");
        if (await InstantAsync(() => _machine.Engine.CreateCheckpointAsync(GuestMachine.Name, new CreateCheckpointRequest { Name = name }, _machine.Report, CancellationToken.None)) is { } copy)
            _instants.Keep(name, copy);
        Counts.Did("checkpoints");
    }

    private async Task RemoveCheckpointAsync()
    {
        string[] names = [.. (await _machine.Engine.GetMomentsAsync(GuestMachine.Name, new MomentQuery(), _machine.Report, CancellationToken.None))
            .Where(moment => moment.Name.StartsWith('c')).Select(moment => moment.Name).Order(StringComparer.Ordinal)];
        if (names.Length == 0)
            return;
        string name = Any(names);
        Tell($"remove checkpoint {name}");
        await _machine.Engine.RemoveMomentsAsync(GuestMachine.Name, new RemoveMomentRequest { Name = name }, _machine.Report, CancellationToken.None);
        Counts.Did("checkpoints removed");
    }

    // Between two moments, and up to now, which is held meanwhile.
    private async Task AskAsync()
    {
        string[] names = [.. _instants.Names.Order(StringComparer.Ordinal)];
        if (names.Length == 0)
            return;
        string from = Any(names), to = Any(names);
        if (Chance(2) && from != to)
        {
            await CheckAsync(from, to, () => _machine.Engine.GetChangedBlocksAsync(GuestMachine.Name, from, to, [], _machine.Report, CancellationToken.None), _instants.Of(to)!);
            return;
        }

        IReadOnlyList<VMChangedBlock>? told = null;
        string now = await _instants.AtAsync(async () => told = await AnswerAsync(() => _machine.Engine.GetChangedBlocksAsync(GuestMachine.Name, from, [], _machine.Report, CancellationToken.None)));
        Check(from, "now", told, now);
        File.Delete(now);
    }

    private async Task CheckAsync(string from, string to, Func<Task<IReadOnlyList<VMChangedBlock>>> ask, string until) => Check(from, to, await AnswerAsync(ask), until);

    private async Task<IReadOnlyList<VMChangedBlock>?> AnswerAsync(Func<Task<IReadOnlyList<VMChangedBlock>>> ask)
    {
        try
        {
            return await ask();
        }
        catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown && _cut)
        {
            Counts.Unknown++;
            return null;
        }
    }

    private void Check(string from, string to, IReadOnlyList<VMChangedBlock>? told, string until)
    {
        Tell($"what changed from {from} to {to}: {(told is null ? "unknown" : $"{told.Sum(block => block.Length)} bytes")}");
        if (told is null)
            return;
        Counts.Answers++;
        Require($"from {from} to {to}", from, until, told.Select(block => (block.Offset, block.Length)));
    }

    private void Require(string where, string from, string until, IEnumerable<(long Offset, long Length)> told)
    {
        (long Offset, long Length)[] runs = [.. told.OrderBy(run => run.Offset)];
        int at = 0;
        foreach (long differs in SoakInstants.Differences(_instants.Of(from)!, until))
        {
            while (at < runs.Length && runs[at].Offset + runs[at].Length <= differs)
                at++;
            Assert.True(at < runs.Length && runs[at].Offset <= differs, $"TOO SMALL {where}: byte {differs} differs, and is not told");
        }
    }

    private async Task BackupAsync()
    {
        VMBackupKind kind = _random.Next(8) switch { 0 => VMBackupKind.Full, 1 => VMBackupKind.Copy, 2 when _backups.Count > 0 => VMBackupKind.Differential, _ => VMBackupKind.Automatic };
        var request = new BackupRequest { Repository = _machine.Repository, Kind = kind, Pull = Chance(3), Compress = Chance(6) };
        VMBackup? backup = null;
        string? copy = null;
        if (!await TryAsync($"backup {kind}{(request.Pull ? ", by pull" : "")}", async () => copy = await InstantAsync(async () => backup = await _machine.Engine.BackupAsync(GuestMachine.Name, request, _machine.Report, CancellationToken.None))))
            return;
        Tell($"  = {backup!.Id}, {backup.Kind}, {backup.Disks[0].CopiedBytes} bytes{(backup.Disks[0].Reason is { } reason ? $" ({reason})" : "")}");
        _backups[backup.Id] = copy;
        Counts.Did(backup.Kind == VMBackupKind.Incremental ? "increments" : "other backups");
        await RestoreAsync(backup.Id, copy);
    }

    private async Task RestoreAsync(string id, string? copy)
    {
        string destination = _machine["restored"];
        VMRestoredDisk disk = Assert.Single(await _machine.Engine.RestoreBackupAsync(
            GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, Id = id, Destination = destination }, _machine.Report, CancellationToken.None));
        if (copy is not null)
        {
            SoakInstants.AssertSame(disk.Path, "qcow2", copy, $"backup {id}");
            Counts.Compared++;
        }

        Directory.Delete(destination, recursive: true);
    }

    // One that the guest wrote through: it judges it itself.
    private async Task BootAsync()
    {
        if (_backups.Keys.OrderBy(id => _backups[id] is not null).ThenBy(id => id, StringComparer.Ordinal).FirstOrDefault() is not { } id)
            return;
        Tell($"boot {id}");
        Assert.Empty(await _machine.Engine.TestBackupsAsync(
            GuestMachine.Name, new TestBackupRequest { Repository = _machine.Repository, Ids = [id], Boot = true, BootText = FileGuest.Whole }, _machine.Report, CancellationToken.None));
        Counts.Booted++;
    }

    private async Task RetainAsync()
    {
        if (_backups.Count < 3)
            return;
        bool merge = Chance(2);
        string oldest = _backups.Keys.Order(StringComparer.Ordinal).First();
        Tell(merge ? $"remove backup {oldest}, merging" : "keep the last 3 backups");
        RemoveBackupRequest request = merge ? new RemoveBackupRequest { Repository = _machine.Repository, Ids = [oldest], Merge = true } : new RemoveBackupRequest { Repository = _machine.Repository, KeepLast = 3 };
        await _machine.Engine.RemoveBackupsAsync(GuestMachine.Name, request, _machine.Report, CancellationToken.None);
        await FollowBackupsAsync();
        Counts.Did("backups thinned out");
    }

    private async Task FoldAsync()
    {
        VMBackup[] standing = [.. (await _machine.Engine.GetBackupsAsync(_machine.Repository, null, null, _machine.Report, CancellationToken.None)).Where(backup => backup.DependsOn.Count > 0)];
        if (standing.Length == 0)
            return;
        string id = Any(standing).Id;
        Tell($"fold into {id}");
        await _machine.Engine.MergeBackupAsync(GuestMachine.Name, new MergeBackupRequest { Repository = _machine.Repository, Id = id }, _machine.Report, CancellationToken.None);
        await FollowBackupsAsync();
        Counts.Did("backups folded");
    }

    private async Task FollowBackupsAsync()
    {
        HashSet<string> left = [.. (await _machine.Engine.GetBackupsAsync(_machine.Repository, null, null, _machine.Report, CancellationToken.None)).Select(backup => backup.Id)];
        foreach (string gone in _backups.Keys.Where(id => !left.Contains(id)).ToArray())
        {
            _backups.Remove(gone, out string? copy);
            if (copy is not null)
                File.Delete(copy);
        }

        Assert.Equal(_backups.Keys.Order(StringComparer.Ordinal), left.Order(StringComparer.Ordinal));
    }

    private async Task ExportAsync()
    {
        string[] names = [.. _instants.Names.Order(StringComparer.Ordinal)];
        string? since = names.Length > 0 && Chance(2) ? Any(names) : null;
        VMBlockExport? export = null;
        string? copy = null;
        if (!await TryAsync($"export{(since is null ? "" : $" since {since}")}", async () => copy = await _instants.AtAsync(async () => export = Assert.Single(await _machine.Engine.StartBlockExportAsync(
            GuestMachine.Name, new StartBlockExportRequest { Since = since }, _machine.Report, CancellationToken.None)))))
            return;
        // The guest writes on under it.
        string read = _machine["export.raw"];
        Tool.Run("nbdcopy", export!.Uri.ToString(), read);
        SoakInstants.AssertSame(read, "raw", copy!, "the export");
        Counts.Compared++;
        File.Delete(read);
        if (since is not null)
        {
            using var map = JsonDocument.Parse(Tool.Run("nbdinfo", "--json", $"--map={export.Context}", export.Uri.ToString()));
            Require($"export since {since}", since, copy!, [.. map.RootElement.EnumerateArray().Where(run => run.GetProperty("type").GetInt64() != 0).Select(run => (run.GetProperty("offset").GetInt64(), run.GetProperty("length").GetInt64()))]);
            Counts.Answers++;
        }

        File.Delete(copy!);
        await _machine.Engine.StopBlockExportAsync(GuestMachine.Name, new StopBlockExportRequest(), _machine.Report, CancellationToken.None);
        Counts.Did("exports");
    }
}
