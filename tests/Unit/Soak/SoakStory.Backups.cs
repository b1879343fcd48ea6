using MomentTools.Tests.Operations.Backups;

namespace MomentTools.Tests.Soak;

/// <summary>Backups, each restored to a file and compared with a copy of its instant; thinning out and folding.</summary>
internal sealed partial class SoakStory
{
    // By id; without a copy where the guest wrote through the instant.
    private readonly Dictionary<string, (TimedBackup Backup, string? Copy)> _backups = new(StringComparer.Ordinal);

    private async Task BackupAsync()
    {
        VMBackupKind kind = _random.Next(8) switch { 0 => VMBackupKind.Full, 1 => VMBackupKind.Copy, 2 when _backups.Count > 0 => VMBackupKind.Differential, _ => VMBackupKind.Automatic };
        var request = new BackupRequest { Repository = _machine.Repository, Kind = kind, Pull = Chance(3), Compress = Chance(6) };
        VMBackup? backup = null;
        string? copy = null;
        int before = FileGuest.Newest(_machine.Serial);
        if (!await TryAsync($"backup {kind}{(request.Pull ? ", by pull" : "")}", async () => copy = await InstantAsync(async () => backup = await _machine.Engine.BackupAsync(GuestMachine.Name, request, _machine.Report, CancellationToken.None))))
            return;
        Tell($"  = {backup!.Id}, {backup.Kind}, {backup.Disks[0].CopiedBytes} bytes{(backup.Disks[0].Reason is { } reason ? $" ({reason})" : "")}");
        _backups[backup.Id] = (new TimedBackup(backup, before, FileGuest.Newest(_machine.Serial) + 1), copy);
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
        if (_backups.Keys.OrderBy(id => _backups[id].Copy is not null).ThenBy(id => id, StringComparer.Ordinal).FirstOrDefault() is not { } id)
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
        // Before the first backup there is no repository.
        if (_backups.Count < 2)
            return;
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
            _backups.Remove(gone, out (TimedBackup Backup, string? Copy) backup);
            if (backup.Copy is { } copy)
                File.Delete(copy);
        }

        Assert.Equal(_backups.Keys.Order(StringComparer.Ordinal), left.Order(StringComparer.Ordinal));
    }
}
