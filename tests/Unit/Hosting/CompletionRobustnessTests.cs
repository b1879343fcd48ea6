using System.Management.Automation;
using System.Net.Sockets;
using MomentTools.Operations.Backups;
using MomentTools.Tests.House;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Hosting;

/// <summary>What completion does where state is broken, missing, or very large: it offers what there is, at once, connects to nothing, and never fails.</summary>
[Collection(nameof(HostedCollection))]
public sealed class CompletionRobustnessTests(HostedCollection hosted) : IDisposable
{
    private readonly HostedState _state = new();

    private static readonly string[] Completed = [.. CmdletDeclaration.All.SelectMany(cmdlet =>
        cmdlet.Parameters.Where(parameter => parameter.ToString().Contains(" completed by ", StringComparison.Ordinal)).Select(parameter => $"{cmdlet.Name} -{parameter.Name} "))];

    // Names of something new, also where it is what an adopted bitmap shall be called.
    private static readonly string[] NotKept =
    [
        "Import-VMMoment -Name", "New-VMBlockSnapshot -Name", "New-VMBranch -Name", "New-VMCheckpoint -Name", "New-VMSnapshot -Name", "Register-VMDomain -Name",
        "Restore-VMSnapshot -Branch",
    ];

    public void Dispose() => _state.Dispose();

    [Fact]
    public void EveryParameterThatNamesWhatIsThereHasACompleter()
    {
        string[] meant = ["VM", "Name", "Since", "From", "To", "Disk", "Branch", "Snapshot", "Id", "FromBitmap"];
        IEnumerable<string> bare = CmdletDeclaration.All.SelectMany(cmdlet => cmdlet.Parameters
            .Where(parameter => meant.Contains(parameter.Name) && !parameter.ToString().Contains(" completed by ", StringComparison.Ordinal))
            .Select(parameter => $"{cmdlet.Name} -{parameter.Name}"));
        Assert.Equal(NotKept, bare);
    }

    [SkippableFact]
    public void NothingIsOfferedAndNothingFailsWithoutAnyState()
    {
        // Addresses are this host's, and need no state.
        foreach (string line in Completed.Where(line => !line.StartsWith("Start-VMBlockExport -Address", StringComparison.Ordinal)))
            Assert.Equal([], Offered(line));
    }

    [SkippableFact]
    public void OneBrokenDomainHidesNothingOfTheOthers()
    {
        _state.Domain("fine", "vda", "vdb").Checkpoint("first").Snapshot("second").Checkpoint("third").Branch("aside", "second").Save();
        string[][] before = [.. Completed.Select(Offered)];
        foreach (string name in (string[])["domain.xml", "disks.xml", "branches/main.xml", "checkpoints/bad.xml"])
        {
            ForgedDomain bad = _state.Domain($"bad{name.Length}").Checkpoint("bad").Snapshot("worse").Save();
            File.WriteAllText(Path.Combine(bad.Directory, name), "<broken \u0001");
        }

        string odd = Path.Combine(_state.Root, "domains", "odd");
        Directory.CreateDirectory(Path.Combine(_state.Root, "domains", "empty"));
        Directory.CreateDirectory(Path.Combine(odd, "disks.xml"));
        Directory.CreateDirectory(Path.Combine(odd, "checkpoints", "a.xml"));
        File.WriteAllText(Path.Combine(odd, "snapshots"), "a file where a directory should be");
        foreach ((string line, string[] offered) in Completed.Zip(before))
            Assert.Empty(offered.Except(Offered(line), StringComparer.Ordinal));
        Assert.Equal(["bad", "worse"], Offered("Get-VMMoment bad9 "));
    }

    [SkippableFact]
    public void ADirectoryThatMayNotBeReadHidesNothingOfTheOthers()
    {
        Skip.If(Environment.IsPrivilegedProcess, "root may read everything: run the tests as a user to run this one");
        _state.Domain("fine").Checkpoint("first").Save();
        ForgedDomain closed = _state.Domain("closed").Checkpoint("hidden").Save();
        File.SetUnixFileMode(closed.Directory, UnixFileMode.None);
        try
        {
            Assert.Equal(["first"], Offered("Get-VMMoment -Name "));
        }
        finally
        {
            File.SetUnixFileMode(closed.Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [SkippableFact]
    public async Task AMonitorThatHangsIsNotConnectedTo()
    {
        string path = Path.Combine(_state.Scratch, "m");
        using var monitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        monitor.Bind(new UnixDomainSocketEndPoint(path));
        monitor.Listen(8);
        _state.Attached("hangs", path).Checkpoint("first").Snapshot("second").Checkpoint("third").Save();
        foreach (string line in Completed)
            Offered(line);
        Assert.Equal(["first", "second", "third"], Offered("Get-VMChangedBlock hangs -Since "));
        Assert.False(monitor.Poll(0, SelectMode.SelectRead), "completion connected to the machine's monitor");

        // It really is the way to the machine: who asks about that comes here.
        using var asking = new HostedModule();
        Task asked = Task.Run(() => asking.Try("Get-VMDomain hangs"));
        Assert.True(monitor.Poll(TimeSpan.FromSeconds(60), SelectMode.SelectRead));
        monitor.Dispose();
        await asked;
    }

    [SkippableFact]
    public void TenThousandMomentsAreOfferedWithoutAnyLeftOut()
    {
        _state.Domain("many").Checkpoints(10_000).Save();
        Assert.Equal(10_000, Offered("Get-VMMoment many ").Length);
        Assert.Equal(10_000, Offered("Get-VMChangedBlock many -Since ").Length);
        Assert.Equal(9_999, Offered("Get-VMChangedBlock many -From c00000 -To ").Length);
        Assert.Equal(["c01234"], Offered("Get-VMMoment many c01234"));
        Assert.Equal(["c00099", "c00199"], Offered("Get-VMMoment many c00[01]99"));
    }

    [SkippableFact]
    public void IdsAreThoseOfTheMachineAndTheRepository()
    {
        string repository = Path.Combine(_state.Scratch, "re po");
        Write(repository, "web1", SampleManifest.Of(1, SampleManifest.Disk("vda")));
        Write(repository, "web1", SampleManifest.Of(2, SampleManifest.Disk("vda", parent: 1)));
        Write(repository, "web1", SampleManifest.Of(3, SampleManifest.Disk("vda", parent: 1)));
        Write(repository, "web1", SampleManifest.Of(4, SampleManifest.Disk("vda", parent: 2)));
        Write(repository, "db", SampleManifest.Of(5, SampleManifest.Disk("vda")) with { Vm = "db" });
        string[] ids = [.. Enumerable.Range(0, 6).Select(SampleManifest.Id)];
        hosted.Module.Run("Set-Location -LiteralPath $args[0]", _state.Scratch);
        Assert.Equal([ids[4], ids[3], ids[2], ids[1]], Offered("Get-VMBackup web1 './re po' -Id "));
        Assert.Equal([ids[5]], Offered("Test-VMBackup -VM db -Repository './re po' -Id "));
        Assert.Equal([ids[5], ids[4], ids[3], ids[2], ids[1]], Offered("Get-VMBackup -Repository './re po' -Id "));
        Assert.Equal([ids[4], ids[2], ids[1]], Offered($"Remove-VMBackup web1 './re po' -Id {ids[3]},"));
        Assert.Equal([ids[4], ids[3], ids[2]], Offered("Merge-VMBackup web1 './re po' -Id "));
        Assert.Equal([ids[2], ids[1]], Offered($"Merge-VMBackup web1 './re po' -Id {ids[4]} -Since "));
        Assert.Equal([], Offered("Get-VMBackup web1 ./nosuch -Id "));
        Assert.Equal([], Offered("Get-VMBackup web1 -Id "));
    }

    [SkippableFact]
    public void DisksOfBackupsAreThoseThatTheyHave()
    {
        _state.Domain("web1", "sda", "sdb").Save();
        string repository = Path.Combine(_state.Scratch, "repo");
        Write(repository, "web1", SampleManifest.Of(1, SampleManifest.Disk("vda"), SampleManifest.Disk("old")));
        Write(repository, "web1", SampleManifest.Of(2, SampleManifest.Disk("vda", parent: 1), SampleManifest.Disk("vdb")));
        Write(repository, "db", SampleManifest.Of(3, SampleManifest.Disk("other")) with { Vm = "db" });
        Directory.CreateDirectory(Path.Combine(repository, "web1", ".20260110T000000Z-0000.partial"));
        File.WriteAllText(Path.Combine(repository, "web1", SampleManifest.Id(2), "a b.qcow2"), "");
        string[] ids = [.. Enumerable.Range(0, 4).Select(SampleManifest.Id)];
        hosted.Module.Run("Set-Location -LiteralPath $args[0]", _state.Scratch);
        // What is restored or served is the newest, what is tested all.
        foreach (string command in (string[])["Restore-VMBackup", "Start-VMBlockExport"])
        {
            Assert.Equal(["vda", "vdb"], Offered($"{command} web1 -Repository ./repo -Disk "));
            Assert.Equal(["vdb"], Offered($"{command} web1 -Repository ./repo -Disk vda,"));
            Assert.Equal(["old", "vda"], Offered($"{command} web1 -Repository ./repo -Id {ids[1]} -Disk "));
            Assert.Equal(["other"], Offered($"{command} db -Repository ./repo -Disk "));
            Assert.Equal([], Offered($"{command} web1 -Repository ./nosuch -Disk "));
            Assert.Equal(["sda", "sdb"], Offered($"{command} web1 -Disk "));
        }

        Assert.Equal(["old", "vda", "vdb"], Offered("Restore-VMBackup web1 ./repo -Until 2026-01-03 -Disk "));
        Assert.Equal(["old", "vda", "vdb"], Offered("Test-VMBackup web1 ./repo -Disk "));
        Assert.Equal(["vda"], Offered("Test-VMBackup web1 ./repo -Disk vd^,vdb"));
        Assert.Equal(["vda", "vdb"], Offered($"Test-VMBackup web1 ./repo -Id {ids[2]}, {ids[3]} -Disk "));
        // A backup is made of the machine's own.
        Assert.Equal(["sda", "sdb"], Offered("Backup-VMDomain web1 ./repo -Disk "));
        Assert.Matches(
            "^disk in 20260103T000000Z-0000, incremental backup of web1, 2026-01-01 [0-9:]{5}, 0 B$",
            Assert.Single(hosted.Module.Complete("Restore-VMBackup web1 ./repo -Disk vda")).ToolTip);
    }

    [SkippableFact]
    public void DisksOfABackupThatIsAnObjectAreItsOwn()
    {
        _state.Domain("web1", "sda").Save();
        var backup = (VMBackup)SampleResults.Of(typeof(VMBackup), lengthy: false);
        hosted.Module.Run("$global:backup = $args[0]", backup);
        string[] disks = [.. backup.Disks.Select(disk => disk.Name).Distinct(StringComparer.Ordinal)];
        foreach (string command in (string[])["Restore-VMBackup -InputObject $backup", "Test-VMBackup -Backup $backup"])
            Assert.Equal(disks, Offered($"{command} -Disk "));
    }

    [SkippableFact]
    public void BitmapsAreThoseInTheImagesThatBelongToNoMoment()
    {
        Tool.Require("qemu-img");
        string[] images = [Path.Combine(_state.Scratch, "vda.qcow2"), Path.Combine(_state.Scratch, "vdb.qcow2")];
        foreach (string image in images)
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", image, "1M");
        foreach ((int image, string name) in new[] { (0, "first"), (0, "stray"), (1, "stray"), (1, "off"), (1, "odd one") })
            Tool.Run("qemu-img", "bitmap", "--add", images[image], name);
        Tool.Run("qemu-img", "bitmap", "--disable", images[1], "off");
        ForgedDomain domain = _state.Domain("web1", "vda", "vdb", "vdc");
        string definition = Path.Combine(domain.Directory, "domain.xml");
        File.WriteAllText(definition, File.ReadAllText(definition).Replace("/nosuch/vda.qcow2", images[0], StringComparison.Ordinal).Replace("/nosuch/vdb.qcow2", images[1], StringComparison.Ordinal));
        Assert.Equal(["first", "odd one", "off", "stray"], Offered("Remove-VMBitmap web1 "));
        Assert.Equal(["first", "stray"], Offered("Remove-VMBitmap web1 -Disk vda -Name "));
        Assert.Equal(["odd one", "off"], Offered("Remove-VMBitmap web1 -Disk vdb, vdc -Name stray,"));
        // One that is switched off has missed what was written since.
        Assert.Equal(["first", "odd one", "stray"], Offered("Import-VMMoment web1 -FromBitmap "));
        Assert.Equal(["stray"], Offered("Import-VMMoment web1 -Disk vdb -FromBitmap s"));
        Assert.Equal([], Offered("Remove-VMBitmap nosuch "));
        Assert.Equal("bitmap on vda, vdb of web1, 64 KiB a bit, recording", Assert.Single(hosted.Module.Complete("Remove-VMBitmap web1 st")).ToolTip);
        Assert.Equal("'odd one'", Assert.Single(hosted.Module.Complete("Remove-VMBitmap web1 odd")).CompletionText);
        // What cannot be read hides nothing of the others, and nobody waits for a pipe.
        File.WriteAllText(images[0], "no image");
        Assert.Equal(["odd one", "off", "stray"], Offered("Remove-VMBitmap web1 "));
        File.Delete(images[0]);
        Tool.Run("mkfifo", images[0]);
        Assert.Equal(["odd one", "off", "stray"], Offered("Remove-VMBitmap web1 "));
    }

    [SkippableFact]
    public void AliasesAndPrefixesCompleteAsTheCommandsThemselves()
    {
        _state.Domain("web1").Checkpoint("monday").Snapshot("clean").Save();
        hosted.Module.Run("Set-Alias gvc Get-VMCheckpoint -Scope Global");
        Assert.Equal(["monday"], Offered("gvc web1 "));
        Assert.Equal(["monday"], Offered("MomentTools\\Get-VMCheckpoint web1 "));
    }

    private string[] Offered(string line) =>
        [.. hosted.Module.Complete(line).Where(result => result.ResultType == CompletionResultType.ParameterValue).Select(result => result.ListItemText)];

    private static void Write(string repository, string machine, BackupManifest manifest)
    {
        string directory = Path.Combine(repository, machine, manifest.Id);
        Directory.CreateDirectory(directory);
        File.WriteAllBytes(Path.Combine(directory, BackupManifest.FileName), BackupManifestFile.ToBytes(manifest));
        foreach (BackupManifestDisk disk in manifest.Disks)
            File.WriteAllText(Path.Combine(directory, disk.File), "");
    }
}
