using System.Text;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Tests.Operations;

namespace MomentTools.Tests.Security;

/// <summary>Passwords and keys are in no command line, environment, log, message or exported document; only in files that are their owner's alone.</summary>
public sealed class SecretTests
{
    // VNC takes eight characters.
    private const string Password = "Zq7-x9Kp";

    [SkippableFact]
    public async Task APasswordIsNowhereButWhereTheDefinitionIsKept()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(
            TestMachine.DiskSize, discard: false, null, ["vda"], $"<graphics type='vnc' port='-1' autoport='yes' passwd='{Password}'/>");
        await machine.CheckpointAsync("stopped");
        await machine.StartAsync();
        AssertNotInProcesses(machine.Scratch, Password);
        await machine.CheckpointAsync("running");
        await machine.SnapshotAsync("memory", request => request with { Memory = true });
        VMBackup backup = await machine.BackupAsync();
        VMDomain domain = await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None);
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "copy"), AsDomain = "web2" }, machine.Report, CancellationToken.None);
        Assert.Empty(await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
        await machine.StopAsync();

        foreach (object shown in (object[])[domain, backup, .. moments])
            Assert.DoesNotContain(Password, JsonSerializer.Serialize(shown, shown.GetType()), StringComparison.Ordinal);
        Assert.All(machine.Report.Warnings.Concat(machine.Report.Notes).Concat(machine.Report.Failures.Select(failure => failure.ToString())), text => Assert.DoesNotContain(Password, text, StringComparison.Ordinal));
        IReadOnlyList<VMMomentDocument> plain = await ExportAsync(machine, secure: false), secure = await ExportAsync(machine, secure: true);
        Assert.All(plain, document => Assert.DoesNotContain(Password, document.Xml, StringComparison.Ordinal));
        Assert.Contains(secure, document => document.Xml.Contains(Password, StringComparison.Ordinal));

        string[] holders = [.. Directory.EnumerateFiles(machine.Scratch, "*", SearchOption.AllDirectories).Where(path => Holds(path, Password))];
        Assert.All(holders, path => Assert.EndsWith(".xml", path, StringComparison.Ordinal));
        Assert.All(holders, path => Assert.Equal((path, UnixFileMode.UserRead | UnixFileMode.UserWrite), (path, File.GetUnixFileMode(path))));
        Assert.Contains(Path.Combine(machine.StateDirectory, "domain.xml"), holders);
    }

    [Theory]
    [InlineData("""{"execute":"set_password","arguments":{"protocol":"vnc","password":"Zq7-x9Kp"},"id":1}""")]
    [InlineData("""{"execute":"object-add","arguments":{"qom-type":"secret","id":"s","data":"Zq7-x9Kp"}}""")]
    [InlineData("""{"execute":"x","arguments":{"many":[{"password":"Zq7-x9Kp"},{"data":"Zq7-x9Kp"}]}}""")]
    public void ATraceOfTheMonitorLeavesThemOut(string command)
    {
        string shown = MomentTools.Qmp.QmpSecrets.Hide(command);
        Assert.DoesNotContain(Password, shown, StringComparison.Ordinal);
        Assert.Equal(command.Replace(Password, "…", StringComparison.Ordinal), shown);
        const string plain = """{"execute":"query-status","id":1}""";
        Assert.Same(plain, MomentTools.Qmp.QmpSecrets.Hide(plain));
    }

    [SkippableFact]
    public async Task AnExportWithPasswordsIsItsOwnersAlone()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(
            TestMachine.DiskSize, discard: false, null, ["vda"], $"<graphics type='vnc' port='-1' autoport='yes' passwd='{Password}'/>");
        await machine.CheckpointAsync("one");
        foreach (bool replace in (bool[])[false, true])
        {
            string path = Path.Combine(machine.Scratch, "export.xml");
            await machine.Engine.ExportMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Secure = true, Path = path, Force = replace }, machine.Report, CancellationToken.None);
            Assert.True(Holds(path, Password));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }
    }

    [SkippableFact]
    public async Task AKeyIsGivenToQemuByItsFileAlone()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string key = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32)), keys = Directory.CreateDirectory(Path.Combine(machine.Scratch, "psk")).FullName;
        await File.WriteAllTextAsync(Path.Combine(keys, "keys.psk"), $"reader:{key}\n");
        await machine.StartAsync();
        VMBlockExport export = (await machine.Engine.StartBlockExportAsync(
            TestMachine.Name, new StartBlockExportRequest { Address = "tcp://127.0.0.1:0", TlsPsk = keys }, machine.Report, CancellationToken.None))[0];
        AssertNotInProcesses(machine.Scratch, key);
        Assert.DoesNotContain(key, JsonSerializer.Serialize(export), StringComparison.Ordinal);
        Assert.All(machine.Report.Warnings.Concat(machine.Report.Notes), text => Assert.DoesNotContain(key, text, StringComparison.Ordinal));
        Assert.Equal([Path.Combine(keys, "keys.psk")], Directory.EnumerateFiles(machine.Scratch, "*", SearchOption.AllDirectories).Where(path => Holds(path, key)));
    }

    private static Task<IReadOnlyList<VMMomentDocument>> ExportAsync(TestMachine machine, bool secure) =>
        machine.Engine.ExportMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Secure = secure }, machine.Report, CancellationToken.None);

    private static bool Holds(string path, string secret) => MomentTools.Files.Libc.KindOf(path) == MomentTools.Files.FileKind.Regular && File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)) >= 0;

    // All may read another process's command line; its environment is for its user.
    private static void AssertNotInProcesses(string scratch, string secret)
    {
        HostProcess[] ours = [.. HostProcess.All().Where(process => process.CommandLine.Any(argument => argument.Contains(scratch + "/", StringComparison.Ordinal)))];
        Assert.NotEmpty(ours);
        foreach (HostProcess process in ours)
        {
            Assert.DoesNotContain(secret, string.Join(' ', process.CommandLine), StringComparison.Ordinal);
            Assert.DoesNotContain(secret, File.ReadAllText($"/proc/{process.Id}/environ"), StringComparison.Ordinal);
        }
    }
}
