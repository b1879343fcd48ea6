using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Backups of every kind into several repositories, lost tracking, retention, and restores, also onto the machine's own disks.</summary>
internal sealed partial class RandomStory
{
    private const string Nameless = "?";

    private readonly List<StoryBackup> _backups = [];
    // Their checkpoints may come back where a removal of moments is undone.
    private readonly List<StoryBackup> _removedBackups = [];
    private bool _instantHeld;

    private async Task BackupAsync()
    {
        VMBackupKind kind = _random.Next(10) switch { 0 => VMBackupKind.Full, 1 or 2 => VMBackupKind.Incremental, 3 or 4 => VMBackupKind.Differential, 5 => VMBackupKind.Copy, _ => VMBackupKind.Automatic };
        StoryDisk[] disks = Chance(4) ? [.. _disks.Where(_ => Chance(2)).DefaultIfEmpty(Any(_disks)).Distinct()] : _disks;
        string repository = AnyRepository();
        StoryBackup[] earlier = [.. _backups.Where(one => one.Backup.Repository == repository && one.Backup.Kind != VMBackupKind.Copy)];
        VMBackup? since = kind == VMBackupKind.Differential && earlier.Length > 0 && Chance(2) ? Any(earlier).Backup : null;
        var request = new BackupRequest
        {
            Repository = repository, Kind = kind, Disks = disks.Length == _disks.Length ? [] : [.. disks.Select(disk => disk.Name)],
            Since = since is null ? null : Chance(2) ? since.Id : since.Checkpoint, Pull = Chance(3), Compress = Chance(6),
        };
        Tell($"backup {kind}{(since is null ? "" : $" since {since.Id}")} of {string.Join(' ', disks.Select(disk => disk.Name))} to {Path.GetFileName(repository)}{(request.Pull ? ", by pull" : "")}");
        // By disk what it has to stand on, where that is certain.
        string[] proven = [.. disks.Where(disk => IsProven(disk, earlier)).Select(disk => disk.Name)];
        StoryDisk[] based = [.. disks.Where(disk => HasBase(disk, kind, since, earlier))];
        await TakeAsync(async () =>
        {
            VMBackup backup = await _machine.Engine.BackupAsync(TestMachine.Name, request, _machine.Report, CancellationToken.None);
            Tell($"  = {backup.Id}, {backup.Mode}: {string.Join(' ', backup.Disks.Select(disk => $"{disk.Name} {disk.Kind}{(disk.Compared ? " compared" : "")}{(disk.Reason is { } reason ? $" ({reason})" : "")}"))}");
            Assert.Equal(disks.Select(disk => disk.Name), backup.Disks.Select(disk => disk.Name));
            foreach (VMBackupDisk disk in backup.Disks)
            {
                bool full = kind is VMBackupKind.Full or VMBackupKind.Copy || based.All(one => one.Name != disk.Name);
                Assert.True(disk.Kind == (full ? VMBackupKind.Full : VMBackupKind.Incremental), $"'{disk.Name}' is {disk.Kind}: {disk.Reason}");
                Assert.True(!disk.Compared || !proven.Contains(disk.Name) || kind == VMBackupKind.Differential, $"'{disk.Name}' was compared although it is known what changed: {disk.Reason}");
            }

            _backups.Add(new StoryBackup(backup, disks.ToDictionary(disk => disk.Name, disk => backup.Checkpoint is { } moment ? Keep(disk, moment) : KeepNameless(disk), StringComparer.Ordinal)));
            if (backup.Checkpoint is { } checkpoint)
                _model.Take(checkpoint);
            Count(backup);
        }, refused => kind == VMBackupKind.Incremental && refused.ErrorId == OperationErrors.BackupChainUnproven && based.Length < disks.Length);
    }

    // The disk was not changed in size since something that the new backup may stand on.
    private static bool HasBase(StoryDisk disk, VMBackupKind kind, VMBackup? since, StoryBackup[] earlier)
    {
        IEnumerable<VMBackupDisk> known = earlier.Where(one => since is null || one.Backup.Id == since.Id).Reverse().SelectMany(one => one.Backup.Disks.Where(stored => stored.Name == disk.Name));
        if (kind == VMBackupKind.Differential && since is null)
            known = known.Where(stored => stored.Kind == VMBackupKind.Full).Take(1);
        return known.Any(stored => stored.Size == disk.Content.Length);
    }

    // The name alone says nothing: another checkpoint may bear it by now.
    private static bool IsProven(StoryDisk disk, StoryBackup[] earlier) =>
        earlier.LastOrDefault(one => one.Content.ContainsKey(disk.Name)) is { } last && IsOf(last, disk) && StoryDisk.IsExact(disk.Moments[last.Backup.Checkpoint!], disk.Now);

    // Whether the checkpoint that a backup made is still the disk's.
    private static bool IsOf(StoryBackup backup, StoryDisk disk) =>
        backup.Backup.Checkpoint is { } name && disk.Moments.GetValueOrDefault(name) is { } moment && ReferenceEquals(moment.Content, backup.Content.GetValueOrDefault(disk.Name));

    private void Count(VMBackup backup)
    {
        _counts.Backups++;
        _counts.Increments += backup.Disks.Any(disk => disk.Kind == VMBackupKind.Incremental) ? 1 : 0;
        _counts.Comparisons += backup.Disks.Count(disk => disk.Compared);
        _counts.Copies += backup.Kind == VMBackupKind.Copy ? 1 : 0;
        _counts.Pulls += backup.Mode == "pull" ? 1 : 0;
    }

    private static byte[] KeepNameless(StoryDisk disk)
    {
        byte[] kept = disk.Keep(Nameless);
        disk.Forget(Nameless);
        return kept;
    }

    // All that tells what was written is taken out of an image.
    private async Task LoseTrackingAsync()
    {
        if (_running)
            return;
        StoryDisk disk = Any(_disks);
        Tell($"lose the bitmaps of {disk.Name}");
        foreach (VMBitmap bitmap in (await _machine.Engine.GetBitmapsAsync(TestMachine.Name, [], _machine.Report, CancellationToken.None)).Where(bitmap => bitmap.Disk == disk.Name))
            Tool.Run("qemu-img", "bitmap", "--remove", bitmap.Path, bitmap.Name);
        disk.Doubt();
        _copiedBack = true;
    }

    private async Task RestoreAsync()
    {
        if (_backups.Count == 0)
            return;
        StoryBackup backup = Any(_backups);
        Tell($"restore {backup.Backup.Id}");
        await _judge.RestoreAsync(backup, Path.Combine(_machine.Scratch, "restored"));
    }

    private async Task RestoreInPlaceAsync()
    {
        if (_backups.Count == 0 || _running)
            return;
        StoryBackup backup = Any(_backups);
        StoryDisk[] disks = [.. _disks.Where(disk => backup.Content.ContainsKey(disk.Name))];
        Tell($"restore {backup.Backup.Id} in place");
        IReadOnlyList<VMRestoredDisk> restored;
        try
        {
            restored = await _machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = backup.Backup.Repository, Id = backup.Backup.Id, InPlace = true }, _machine.Report, CancellationToken.None);
        }
        catch (MomentException refused) when (
            (refused.ErrorId == InPlaceErrors.RestoreSizeDiffers && disks.Any(disk => disk.Content.Length != backup.Content[disk.Name].Length)) || (refused.ErrorId == InPlaceErrors.RestoreImageShared && _branching))
        {
            Tell("  refused: " + refused.Message);
            _counts.Refused++;
            return;
        }

        foreach (StoryDisk disk in disks)
        {
            byte[] content = backup.Content[disk.Name];
            long written = 0;
            for (int at = 0, count; at < content.Length; at += count)
            {
                count = (int)Math.Min(StoryDisk.Grain, content.Length - at);
                if (content.AsSpan(at, count).SequenceEqual(disk.Content.AsSpan(at, count)))
                    continue;
                disk.Touch(at, count);
                written += count;
            }

            disk.Refresh((byte[])content.Clone());
            Assert.Equal(written, restored.Single(one => one.Disk == disk.Name).WrittenBytes);
            await _judge.CheckContentAsync(disk);
        }

        _counts.RestoredInPlace++;
    }

    // By rules, or one by its id; whatever goes, every survivor is as it was.
    private async Task RetainAsync()
    {
        string repository = AnyRepository();
        StoryBackup[] own = [.. _backups.Where(one => one.Backup.Repository == repository)];
        if (own.Length == 0)
            return;
        var request = new RemoveBackupRequest { Repository = repository };
        bool needed = false;
        if (Chance(2))
        {
            StoryBackup goes = Any(own);
            request = request with { Ids = [goes.Backup.Id], Merge = Chance(2) };
            needed = !request.Merge && own.Any(one => one.Backup.DependsOn.Contains(goes.Backup.Id));
            Tell($"remove backup {goes.Backup.Id} from {Path.GetFileName(repository)}{(request.Merge ? ", merging" : "")}");
        }
        else
        {
            request = request with { KeepLast = _random.Next(1, 4) };
            Tell(string.Create(CultureInfo.InvariantCulture, $"keep the last {request.KeepLast} backups in {Path.GetFileName(repository)}"));
        }

        IReadOnlyList<VMBackupPlan> plan;
        try
        {
            plan = await _machine.Engine.RemoveBackupsAsync(TestMachine.Name, request, _machine.Report, CancellationToken.None);
            Assert.False(needed, "a backup was removed on which another stands");
        }
        catch (MomentException refused) when (needed && refused.ErrorId == RetentionErrors.BackupNeeded)
        {
            Tell("  refused: " + refused.Message);
            _counts.Refused++;
            return;
        }

        string[] gone = [.. plan.Where(row => !row.Keep).Select(row => row.BackupId)];
        Tell($"  = without {string.Join(' ', gone)}; {string.Join(' ', plan.Where(row => row.MergedInto is not null).Select(row => $"{row.BackupId} into {row.MergedInto}"))}");
        // By rules the last backup of a disk stays as well.
        Assert.InRange(gone.Length, request.Ids.Count > 0 ? 1 : 0, request.Ids.Count > 0 ? 1 : Math.Max(0, own.Length - request.KeepLast!.Value));
        await ForgetBackupsAsync(repository, gone);
        _counts.BackupsRemoved += gone.Length;
    }

    // What a backup stands on is folded into it: all, or down to one that stays.
    private async Task FoldAsync()
    {
        StoryBackup[] standing = [.. _backups.Where(one => one.Backup.DependsOn.Count > 0)];
        if (standing.Length == 0)
            return;
        VMBackup top = Any(standing).Backup;
        Dictionary<string, VMBackup> own = _backups.Where(one => one.Backup.Repository == top.Repository).ToDictionary(one => one.Backup.Id, one => one.Backup);
        string[] beneath = [.. Beneath(top, own).Order(StringComparer.Ordinal)];
        string? since = Chance(2) ? Any(beneath) : null;
        Tell($"fold into {top.Id} in {Path.GetFileName(top.Repository)}{(since is null ? "" : $" down to {since}")}");
        await _machine.Engine.MergeBackupAsync(TestMachine.Name, new MergeBackupRequest { Repository = top.Repository, Id = top.Id, Since = since }, _machine.Report, CancellationToken.None);
        HashSet<string> left = [.. (await _machine.Engine.GetBackupsAsync(top.Repository, null, null, _machine.Report, CancellationToken.None)).Select(backup => backup.Id)];
        string[] gone = [.. own.Keys.Where(id => !left.Contains(id)).Order(StringComparer.Ordinal)];
        Tell($"  = without {string.Join(' ', gone)}");
        Assert.Empty(gone.Except(beneath));
        Assert.DoesNotContain(since, gone);
        await ForgetBackupsAsync(top.Repository, gone);
        if (since is null)
            Assert.Empty(_backups.Single(one => one.Backup.Repository == top.Repository && one.Backup.Id == top.Id).Backup.DependsOn);
        _counts.BackupsFolded += gone.Length;
    }

    private static HashSet<string> Beneath(VMBackup top, Dictionary<string, VMBackup> own)
    {
        HashSet<string> beneath = new(StringComparer.Ordinal);
        foreach (VMBackupDisk disk in top.Disks)
            for (string? id = disk.ParentId; id is not null; id = own[id].Disks.Single(one => one.Name == disk.Name).ParentId)
                beneath.Add(id);
        return beneath;
    }

    private async Task ForgetBackupsAsync(string repository, string[] gone)
    {
        _removedBackups.AddRange(_backups.Where(one => one.Backup.Repository == repository && gone.Contains(one.Backup.Id)));
        _backups.RemoveAll(one => one.Backup.Repository == repository && gone.Contains(one.Backup.Id));
        foreach (StoryBackup backup in _removedBackups.Where(one => gone.Length > 0 && one.Backup.Repository == repository && _disks.Any(disk => IsOf(one, disk))))
        {
            _model.Remove(backup.Backup.Checkpoint!, descendants: false, descendantsOnly: false);
            foreach (StoryDisk disk in _disks)
                disk.Forget(backup.Backup.Checkpoint!);
            _removed.Add(backup.Backup.Checkpoint!);
        }

        Dictionary<string, VMBackup> left = (await _machine.Engine.GetBackupsAsync(repository, null, null, _machine.Report, CancellationToken.None)).ToDictionary(backup => backup.Id);
        Assert.Equal(_backups.Where(one => one.Backup.Repository == repository).Select(one => one.Backup.Id).Order(StringComparer.Ordinal), left.Keys.Order(StringComparer.Ordinal));
        for (int index = 0; index < _backups.Count; index++)
        {
            if (_backups[index].Backup.Repository != repository)
                continue;
            _backups[index] = _backups[index] with { Backup = left[_backups[index].Backup.Id] };
            _judge.CheckBackup(_backups[index]);
        }

        if (left.Count > 0)
            await _judge.CheckRepositoryAsync(repository);
    }

    private string AnyRepository() => Chance(4) ? _machine.Repository + "-2" : _machine.Repository;
}
