using System.Xml.Linq;
using MomentTools.Errors;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>A backup as a machine of its own, beside the one it is of; and the machine defined again as it was.</summary>
public sealed class DomainRestoreTests
{
    private const long Grain = 65536;
    private const string Devices = """
        <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{0}/gone.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
        <interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
        <serial type='unix'><source mode='bind' path='{0}/serial.sock'/></serial>
        <channel type='unix'><source mode='bind' path='{0}/agent.sock'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
        <graphics type='vnc' port='5999'/>
        """;

    [SkippableFact]
    public async Task ItRunsBesideTheFirstAndItsFirstBackupIsFull()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(TestMachine.DiskSize, discard: false, null, ["vda", "vdb"], Devices);
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        await machine.WriteAsync("vdb", 2, Grain, Grain);
        VMBackup backup = await machine.BackupAsync();
        byte[] a = machine.Content(machine.DiskPath("vda"));
        // The drive's medium is not there: it is what it would take to start the first.
        await machine.WriteAsync("vda", 3, 0, Grain);
        IReadOnlyList<VMRestoredDisk> restored = await RestoreAsync(machine, "web1-look");
        Assert.All(restored, disk => Assert.Equal(("web1-look", TestMachine.Name), (disk.Domain, disk.VM)));
        Assert.Equal(a, machine.Content(restored[0].Path));

        VMDomain copy = await machine.Engine.GetDomainAsync("web1-look", machine.Report, CancellationToken.None);
        Assert.NotEqual(backup.Uuid, copy.Uuid);
        XElement xml = XElement.Parse(await File.ReadAllTextAsync(Path.Combine(machine.Scratch, "state", "domains", "web1-look", "domain.xml")));
        string? mac = (string?)xml.Element("devices")!.Element("interface")!.Element("mac")!.Attribute("address");
        Assert.StartsWith("52:54:00:", mac, StringComparison.Ordinal);
        Assert.NotEqual("52:54:00:11:22:33", mac);
        foreach (string told in (string[])["gone.iso", "serial.sock", "agent.sock", "5999"])
            Assert.Contains(machine.Report.Warnings, warning => warning.Contains(told, StringComparison.Ordinal));
        Assert.DoesNotContain(machine.Scratch + "/serial.sock", xml.ToString(), StringComparison.Ordinal);

        await machine.Engine.StartDomainAsync("web1-look", paused: true, machine.Report, CancellationToken.None);
        try
        {
            VMBackup first = await machine.Engine.BackupAsync("web1-look", new BackupRequest { Repository = machine.Repository }, machine.Report, CancellationToken.None);
            Assert.Equal((VMBackupKind.Full, copy.Uuid), (first.Kind, first.Uuid));
            Assert.Equal(VMBackupKind.Incremental, (await machine.BackupAsync()).Kind);
            Assert.Equal(2, (await machine.Engine.GetBackupsAsync(machine.Repository, TestMachine.Name, null, machine.Report, CancellationToken.None)).Count);
        }
        finally
        {
            await machine.Engine.StopDomainAsync("web1-look", force: true, TimeSpan.FromSeconds(20), machine.Report, CancellationToken.None);
        }
    }

    [SkippableFact]
    public async Task WhatCannotBeLeavesNothing()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.BackupAsync();
        Assert.Equal("VMExists", (await RefusedAsync(machine, TestMachine.Name)).ErrorId.Name);
        Assert.Equal("DomainNameInvalid", (await RefusedAsync(machine, "a/b")).ErrorId.Name);
        Directory.CreateDirectory(Files(machine));
        await File.WriteAllTextAsync(Path.Combine(Files(machine), "new.vdb.qcow2"), "mine");
        Assert.Equal("FileExists", (await RefusedAsync(machine, "new")).ErrorId.Name);
        Assert.Single(Directory.GetFileSystemEntries(Files(machine)));
        Assert.Equal([TestMachine.Name], machine.Engine.FindDomains("*"));
    }

    [SkippableFact]
    public async Task ADiskThatIsNotRestoredIsLeftOut()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.BackupAsync();
        await machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, "half") with { Disks = ["vdb"] }, machine.Report, CancellationToken.None);
        Assert.Equal(["vdb"], (await machine.Engine.GetDomainAsync("half", machine.Report, CancellationToken.None)).Disks.Select(disk => disk.Name));
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("'vda' is left out", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task ANameThatIsTakenMeanwhileTakesTheFilesBack()
    {
        TestMachine? at = null;
        await using TestMachine machine = at = await TestMachine.CreateAsync(step =>
        {
            if (step == "restore-files:named")
                at!.Engine.RegisterDomainAsync(
                    new RegisterDomainRequest { Xml = "<domain type='qemu'><name>new</name><memory>1024</memory><os><type>hvm</type></os><devices/></domain>" }, at.Report, CancellationToken.None).GetAwaiter().GetResult();
        });
        await machine.BackupAsync();
        Assert.Equal("VMExists", (await RefusedAsync(machine, "new")).ErrorId.Name);
        Assert.False(Directory.Exists(Files(machine)));
    }

    [SkippableFact]
    public async Task AMachineThatWasLostAndIsDefinedAgainGoesOnWithItsBackups()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 8 * Grain, 2 * Grain);
        VMBackup second = await machine.BackupAsync();
        string definition = await File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(first.Disks[0].Path)!, "domain.xml"));
        // All is gone but the repository; the older of two backups is what is wanted.
        Directory.Delete(machine.StateDirectory, recursive: true);
        File.Delete(machine.DiskPath("vda"));
        VMRestoredDisk disk = Assert.Single(await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = first.Id, Destination = Files(machine) }, machine.Report, CancellationToken.None));
        File.Move(disk.Path, machine.DiskPath("vda"));
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = definition }, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 3, 20 * Grain, Grain);

        VMBackup next = await machine.BackupAsync();
        Assert.Equal((VMBackupKind.Incremental, true, second.Id), (next.Disks[0].Kind, next.Disks[0].Compared, next.Disks[0].ParentId));
        byte[] content = machine.Content(machine.DiskPath("vda"));
        VMRestoredDisk again = Assert.Single(await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = next.Id, Destination = Path.Combine(machine.Scratch, "again") }, machine.Report, CancellationToken.None));
        Assert.Equal(content, machine.Content(again.Path));
        // From here on nothing has to be compared.
        await machine.WriteAsync("vda", 4, 30 * Grain, Grain);
        VMBackup last = await machine.BackupAsync();
        Assert.Equal((VMBackupKind.Incremental, false, Grain), (last.Disks[0].Kind, last.Disks[0].Compared, last.Disks[0].CopiedBytes));
    }

    private static string Files(TestMachine machine) => Path.Combine(machine.Scratch, "restored");

    private static RestoreBackupRequest Request(TestMachine machine, string name) => new() { Repository = machine.Repository, Destination = Files(machine), AsDomain = name };

    private static Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(TestMachine machine, string name) =>
        machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, name), machine.Report, CancellationToken.None);

    private static Task<MomentException> RefusedAsync(TestMachine machine, string name) => Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, name));
}
