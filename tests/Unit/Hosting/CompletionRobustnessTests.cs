using System.Management.Automation;
using System.Net.Sockets;
using MomentTools.Operations.Backups;
using MomentTools.Tests.House;
using MomentTools.Tests.Operations.Backups;

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
    }
}
