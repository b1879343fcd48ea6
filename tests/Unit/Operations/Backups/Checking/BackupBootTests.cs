using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;

namespace MomentTools.Tests.Operations.Backups.Checking;

/// <summary>Backups of machines that never say anything; one with a real guest is started in the tests of files in a guest.</summary>
public sealed class BackupBootTests
{
    private const string Agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";

    [SkippableFact]
    public async Task WhatGivesNoSignOfLifeIsAFindingAndNothingStays()
    {
        await using TestMachine machine = await MachineAsync(Agent);
        foreach (string? text in (string?[])["login:", null])
        {
            MomentException failure = (await BootAsync(machine, text, TimeSpan.FromSeconds(2)))!;

            Assert.Equal("BackupBootFailed", failure.ErrorId.Name);
            Assert.Contains("within 2 s", failure.Message, StringComparison.Ordinal);
            AssertNothingLeft(machine);
        }
    }

    [SkippableFact]
    public async Task ACancelledTestEndsTheMachine()
    {
        await using TestMachine machine = await MachineAsync(Agent);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => BootAsync(machine, "login:", TimeSpan.FromMinutes(5), stop.Token));

        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task WithoutAnAgentATextHasToBeGiven()
    {
        await using TestMachine machine = await MachineAsync("");

        Assert.Equal("BackupBootSignMissing", (await Assert.ThrowsAsync<MomentException>(() => BootAsync(machine, null, TimeSpan.FromSeconds(2)))).ErrorId.Name);

        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task WhatATestThatWasKilledLeftIsRemovedByTheNext()
    {
        await using TestMachine machine = await MachineAsync(Agent);
        string abandoned = Path.Combine(machine.Scratch, "state", "boot", "12345678");
        Directory.CreateDirectory(abandoned);
        new StagingOwner(1, 1, "of another run", Environment.MachineName).Write(Path.Combine(abandoned, "owner"));
        File.WriteAllText(Path.Combine(abandoned, "vda.qcow2"), "");

        Assert.NotNull(await BootAsync(machine, "login:", TimeSpan.FromSeconds(1)));

        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task ATestStartsWhatIsNotDamaged()
    {
        await using TestMachine machine = await MachineAsync(Agent);
        var request = new TestBackupRequest { Repository = machine.Repository, Boot = true, BootText = "login:", BootTimeout = TimeSpan.FromSeconds(1) };
        VMBackupFinding finding = Assert.Single(await machine.Engine.TestBackupsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));
        Assert.Equal("BackupBootFailed", finding.Id);
        AssertNothingLeft(machine);

        VMBackup backup = Assert.Single(await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None));
        Damage.Flip(backup.Disks[0].Path, 1000);
        Assert.Equal("BackupCorrupt", Assert.Single(await machine.Engine.TestBackupsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None)).Id);
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("was not started", StringComparison.Ordinal));
    }

    private static async Task<TestMachine> MachineAsync(string channel)
    {
        TestMachine machine = await TestMachine.CreateAsync(
            TestMachine.DiskSize, discard: false, null, ["vda"],
            $"{channel}<serial type='file'><source path='{{0}}/serial'/></serial><interface type='user'><mac address='52:54:00:12:34:56'/></interface>");
        await machine.WriteAsync("vda", 1, 0, 65536);
        await machine.BackupAsync();
        return machine;
    }

    private static Task<MomentException?> BootAsync(TestMachine machine, string? text, TimeSpan timeout, CancellationToken cancellation = default)
    {
        BackupRepository repository = BackupRepository.Open(machine.Repository, create: false);
        IReadOnlyList<BackupManifest> backups = repository.Backups(repository.FindDomain(TestMachine.Name), failure => throw failure);
        return new BackupBoot(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"), machine.Report)
            .RunAsync(backups[^1], [BackupChain.Resolve(backups, backups[^1], "vda")], text, timeout, cancellation);
    }

    private static void AssertNothingLeft(TestMachine machine)
    {
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Scratch, "state", "boot")));
        Assert.DoesNotContain(Directory.EnumerateDirectories(Path.Combine(machine.Scratch, "run")), path => Path.GetFileName(path).StartsWith("boot", StringComparison.Ordinal));
        Assert.DoesNotContain(HostProcess.All(), process => process.CommandLine.Any(argument => argument.Contains(machine.Scratch + "/run/boot", StringComparison.Ordinal)));
        Assert.Equal([TestMachine.Name], machine.Engine.FindDomains("*"));
    }
}
