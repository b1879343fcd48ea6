using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Operations.Backups.Checking;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>What storage gets wrong while it is worked with, so that no checksum could tell before: a restore, a move and a merge stop, and nothing is lost.</summary>
public sealed class BadStorageTests
{
    [SkippableFact]
    public async Task AClusterThatCannotBeReadEndsTheRestore()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        BrokenImage.MakeUnreadable(last.PathOf(last.FindDisk("vda")!), 47 << 20);
        await Damage.BlessAsync(last, "vda");
        MomentException failure = await Expect.FailsAsync(BackupErrors.RestoreJobFailed, () => sample.RestoreAsync(last.Id));
        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Input/output error", failure.Message, StringComparison.Ordinal);
        Assert.True(!Directory.Exists(sample.Scratch["out"]) || !Directory.EnumerateFileSystemEntries(sample.Scratch["out"]).Any());
    }

    [SkippableFact]
    public async Task AClusterThatCannotBeReadEndsTheMoveAndTheMachineRunsOn()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        var repository = BackupRepository.Open(instant.Machine.Repository, create: false);
        BackupManifest last = repository.Backups(repository.FindDomain(TestMachine.Name)!, broken => throw broken)[^1];
        BrokenImage.MakeUnreadable(instant.Backup.Disks[0].Path, 41 * InstantMachine.Grain);
        await Damage.BlessAsync(last, "vda");
        await instant.RunAsync();

        MomentException failure = await Expect.FailsAsync(InstantErrors.RestoreMoveFailed, () => instant.MoveAsync());

        Assert.Contains($"'vda' of '{InstantMachine.Copy}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Input/output error", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"-AsDomain {InstantMachine.Copy} -Move", failure.Advice, StringComparison.Ordinal);
        Assert.Equal(VMState.Running, (await instant.CopyAsync()).State);
        Assert.Equal(instant.Backup.Disks[0].Path, InstantMachine.Backing(instant.Overlay()));
    }

    [SkippableFact]
    public async Task AReadOnlyDiskIsNotRestoredInPlace()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        VMBackup backup = await machine.BackupAsync();
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace("<target", "<readonly/><target", StringComparison.Ordinal), Update = true }, machine.Report, CancellationToken.None);
        var request = new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, InPlace = true };
        MomentException failure = await Untouched.RefusedAsync(
            machine, () => machine.Engine.RestoreBackupAsync(TestMachine.Name, request, machine.Report, CancellationToken.None), InPlaceErrors.RestoreDiskReadOnly, "'vda'", $"'{TestMachine.Name}'");
        Assert.Contains("-Destination", failure.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AFileThatIsNotWhatWasWrittenTakesNoBackupsPlace()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        string before = SampleRepository.Fingerprint(backups[2].Directory);
        var report = new ComparingReport(() =>
        {
            string written = Directory.EnumerateFiles(sample.Domain, "vda.qcow2", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
                .Single(path => Path.GetFileName(Path.GetDirectoryName(path)!)[0] == '.');
            using var map = System.Text.Json.JsonDocument.Parse(Tool.Run("qemu-img", "map", "-U", "--output=json", "-f", "qcow2", written));
            Damage.Flip(written, map.RootElement.EnumerateArray().First(run => run.GetProperty("depth").GetInt32() == 0 && run.GetProperty("data").GetBoolean()).GetProperty("offset").GetInt64());
        });

        MomentException failure = await Expect.FailsAsync(BackupErrors.BackupRewriteDiffers, () => new RepositoryRewrite(sample.Repository, sample.Runtime, null, null).RunAsync(
            sample.Domain, new RewriteStep(backups[2], new Dictionary<string, string?>(StringComparer.Ordinal) { ["vda"] = backups[0].Id }), backups, report, CancellationToken.None));

        Assert.Contains($"'vda' of the backup '{backups[2].Id}'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, SampleRepository.Fingerprint(backups[2].Directory));
    }

    private sealed class ComparingReport(Action compares) : IOperationReport
    {
        public void Warning(string text)
        {
        }

        public void Verbose(string text)
        {
            if (text.StartsWith("Comparing", StringComparison.Ordinal))
                compares();
        }

        public void Progress(OperationProgress progress)
        {
        }

        public void Failure(MomentException failure) => throw failure;
    }
}
