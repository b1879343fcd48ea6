using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Operations.Backups.Restoring;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Soak;

/// <summary>Restores of backups that a machine goes on from, each compared before its guest starts, which then judges its files itself.</summary>
internal sealed partial class SoakStory
{
    private const string Copy = "copy", Instant = "instant";

    // What looks at a machine that runs on a backup, when QEMU has opened its disks and its guest has not begun.
    private Action? _opened;

    private async Task InPlaceAsync()
    {
        if (AnyBackup() is not { } id)
            return;
        string content = await ContentAsync(id);
        await _machine.StopAsync(GuestMachine.Name);
        int surely = FileGuest.Newest(_machine.Serial);
        bool restored = await TryAsync($"restore {id} in place", () => _machine.Engine.RestoreBackupAsync(
            GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, Id = id, InPlace = true }, _machine.Report, CancellationToken.None));
        if (restored)
        {
            Compare((await DomainAsync()).Disks[0].Path!, content, $"the disk restored in place from {id}");
            Counts.Did("restores in place");
        }

        Release(content);
        await _machine.StartAsync(GuestMachine.Name);
        _newest = int.MaxValue;
        TimedBackup backup = _backups[id].Backup;
        await JudgeAsync(0, restored ? (backup.Before, backup.After) : (surely, surely + 1));
    }

    private async Task AsDomainAsync()
    {
        if (AnyBackup() is not { } id)
            return;
        Tell($"restore {id} as a domain");
        string content = await ContentAsync(id);
        VMRestoredDisk disk = Assert.Single(await _machine.Engine.RestoreBackupAsync(
            GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, Id = id, AsDomain = Copy, Destination = _machine[Copy] }, _machine.Report, CancellationToken.None));
        Compare(disk.Path, content, $"the disk of the domain made of {id}");
        Release(content);
        if (Chance(3))
        {
            await _machine.StartAsync(Copy);
            _backups[id].Backup.Judge(await FileGuest.CheckedAsync(Log(Copy)));
            await _machine.StopAsync(Copy);
            Counts.Booted++;
        }

        await RemoveAsync(Copy);
        Counts.Did("restores as a domain");
    }

    private async Task InstantAsync()
    {
        if (AnyBackup() is not { } id)
            return;
        Tell($"run {id} at once");
        string content = await ContentAsync(id), overlay = _machine[$"{Instant}/{Instant}.vda.qcow2"];
        int compared = Counts.Compared;
        _opened = () => Compare(overlay, content, $"the disk that runs on {id}");
        await _machine.Engine.RestoreBackupAsync(
            GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, Id = id, AsDomain = Instant, Destination = _machine[Instant], Instant = true }, _machine.Report, CancellationToken.None);
        _opened = null;
        Assert.Equal(compared + 1, Counts.Compared);
        Release(content);
        _backups[id].Backup.Judge(await FileGuest.CheckedAsync(Log(Instant)));
        await FileGuest.WroteAsync(Log(Instant), 2);
        if (Chance(2))
            await MoveAsync(overlay);
        await _machine.StopAsync(Instant);
        await RemoveAsync(Instant);
        Counts.Did("restores at once");
    }

    // The guest is held, so that what the disk is must be what it was; then it writes on.
    private async Task MoveAsync(string overlay)
    {
        Tell("  move it off the backup");
        string content = _machine["moved.raw"];
        await _machine.Engine.InvokeQmpAsync(Instant, "stop", null, CancellationToken.None);
        Tool.Run("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", overlay, content);
        await _machine.Engine.RestoreBackupAsync(
            GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, AsDomain = Instant, Move = true }, _machine.Report, CancellationToken.None);
        Assert.Null(InstantMachine.Backing(overlay));
        Compare(overlay, content, "the disk that was moved off the backup");
        File.Delete(content);
        await _machine.Engine.InvokeQmpAsync(Instant, "cont", null, CancellationToken.None);
        await FileGuest.WroteAsync(Log(Instant), 1);
        Counts.Did("moves off the backup");
    }

    private async Task RemoveAsync(string name)
    {
        await _machine.Engine.UnregisterDomainAsync(name, new UnregisterDomainRequest(), _machine.Report, CancellationToken.None);
        Directory.Delete(_machine[name], recursive: true);
    }

    // Of a backup that the guest wrote through there is no copy: then every way must give what a restore to a file does.
    private async Task<string> ContentAsync(string id) => _backups[id].Copy ?? Assert.Single(await _machine.Engine.RestoreBackupAsync(
        GuestMachine.Name, new RestoreBackupRequest { Repository = _machine.Repository, Id = id, Destination = _machine["content"], Format = "raw" }, _machine.Report, CancellationToken.None)).Path;

    private void Release(string content)
    {
        if (Path.GetDirectoryName(content) == _machine["content"])
            Directory.Delete(_machine["content"], recursive: true);
    }

    private void Compare(string image, string content, string what)
    {
        SoakInstants.AssertSame(image, "qcow2", content, what);
        Counts.Compared++;
    }

    private string? AnyBackup() => _backups.Count == 0 ? null : Any([.. _backups.Keys.Order(StringComparer.Ordinal)]);

    private string Log(string name) => _machine[$"{name}/{name}.serial0.log"];
}
