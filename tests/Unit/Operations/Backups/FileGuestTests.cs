using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>
/// Backups of a guest with a file system that it writes to all the time: restored in every way and booted, the guest itself finds its file
/// system sound and every file whole, and the newest file is one of the time of the backup.
/// </summary>
public sealed class FileGuestTests(FileGuest guest) : IClassFixture<FileGuest>
{
    private const long DiskSize = 96 << 20;

    [SkippableFact]
    public async Task EveryFileIsWholeAfterEveryRestoreAndBoot()
    {
        Skip.IfNot(guest.Missing is null, guest.Missing);
        await using var machine = new GuestMachine(guest);
        await machine.CreateAsync(DiskSize);
        await machine.StartAsync(GuestMachine.Name);
        Assert.Equal((0, 0), await FileGuest.CheckedAsync(machine.Serial));
        await FileGuest.WroteAsync(machine.Serial, 4);

        // While it writes: in full, and what changed, by QEMU and through an export.
        TimedBackup full = await machine.BackupAsync(new BackupRequest { Repository = machine.Repository });
        await FileGuest.WroteAsync(machine.Serial, 6);
        TimedBackup pushed = await machine.BackupAsync(new BackupRequest { Repository = machine.Repository });
        await FileGuest.WroteAsync(machine.Serial, 6);
        TimedBackup pulled = await machine.BackupAsync(new BackupRequest { Repository = machine.Repository, Pull = true });
        await FileGuest.WroteAsync(machine.Serial, 3);
        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental, VMBackupKind.Incremental], new[] { full, pushed, pulled }.Select(one => one.Backup.Kind));
        Assert.Equal(["push", "push", "pull"], new[] { full, pushed, pulled }.Select(one => one.Backup.Mode));

        // Running at once, then moved off the backup while it runs and writes.
        await machine.RestoreAsync(pulled, new RestoreBackupRequest { Repository = machine.Repository, AsDomain = "instant", Destination = machine["instant"], Instant = true });
        pulled.Judge(await FileGuest.CheckedAsync(machine["instant/instant.serial0.log"]));
        await FileGuest.WroteAsync(machine["instant/instant.serial0.log"], 3);
        await machine.Engine.RestoreBackupAsync(GuestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, AsDomain = "instant", Move = true }, machine.Report, CancellationToken.None);
        int moved = await FileGuest.WroteAsync(machine["instant/instant.serial0.log"], 3);
        await machine.StopAsync("instant");
        await machine.StopAsync(GuestMachine.Name);

        // The moved machine starts without the repository.
        Directory.Move(machine.Repository, machine.Repository + ".away");
        await machine.StartAsync("instant");
        Assert.InRange((await FileGuest.CheckedAsync(machine["instant/instant.serial0.log"])).Newest, moved, moved + 1);
        await machine.StopAsync("instant");
        Directory.Move(machine.Repository + ".away", machine.Repository);

        // As a machine of its own, to files that a machine is made of by hand, and onto the machine's own disk.
        await machine.RestoreAsync(full, new RestoreBackupRequest { Repository = machine.Repository, AsDomain = "copy", Destination = machine["copy"] });
        await machine.StartAsync("copy");
        full.Judge(await FileGuest.CheckedAsync(machine["copy/copy.serial0.log"]));
        await machine.StopAsync("copy");

        VMRestoredDisk file = Assert.Single(await machine.RestoreAsync(pushed, new RestoreBackupRequest { Repository = machine.Repository, Destination = machine["files"] }));
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = guest.Xml("files", file.Path, machine["files.log"]) }, machine.Report, CancellationToken.None);
        await machine.StartAsync("files");
        pushed.Judge(await FileGuest.CheckedAsync(machine["files.log"]));
        await machine.StopAsync("files");

        await machine.RestoreAsync(pushed, new RestoreBackupRequest { Repository = machine.Repository, InPlace = true });
        await machine.StartAsync(GuestMachine.Name);
        pushed.Judge(await FileGuest.CheckedAsync(machine.Serial));
        Assert.Empty(machine.Report.Failures);
    }

    [SkippableFact]
    public async Task ABackupIsBootedForATestAndLives()
    {
        Skip.IfNot(guest.Missing is null, guest.Missing);
        await using var machine = new GuestMachine(guest);
        await machine.CreateAsync(DiskSize);
        TimedBackup stopped = await machine.BackupAsync(new BackupRequest { Repository = machine.Repository });
        BackupRepository repository = BackupRepository.Open(machine.Repository, create: false);
        BackupManifest backup = Assert.Single(repository.Backups(repository.FindDomain(GuestMachine.Name), failure => throw failure));
        BackupChain[] chains = [BackupChain.Resolve([backup], backup, "vda")];
        string hash = Tool.Run("sha256sum", chains[0].Top.Path);
        var boot = new BackupBoot(machine["state"], machine["run"], machine.Report);

        Assert.Null(await boot.RunAsync(backup, chains, FileGuest.Whole, TimeSpan.FromMinutes(5), CancellationToken.None));
        // The agent answers.
        Assert.Null(await boot.RunAsync(backup, chains, null, TimeSpan.FromMinutes(5), CancellationToken.None));

        Assert.Equal(hash, Tool.Run("sha256sum", chains[0].Top.Path));
        Assert.Equal(stopped.Backup.Id, backup.Id);
        Assert.Empty(Directory.EnumerateFileSystemEntries(machine["state/boot"]));
    }
}
