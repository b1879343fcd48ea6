using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>
/// What can go wrong while a backup is made: it is cancelled, the machine ends, the repository fills up, another one is under way. Each time
/// the backups there were restore to their bytes, nothing is left, and the next run works without help.
/// </summary>
public sealed class BackupFaultTests(ITestOutputHelper output)
{
    private const long Grain = 65536;
    private const int MostSteps = 60;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ABackupThatIsCancelledAtAnyStepLeavesThePreviousState(bool running)
    {
        int at = 0, stopAt = int.MaxValue, steps = 0;
        CancellationTokenSource stop = new();
        await using TestMachine machine = await TestMachine.CreateAsync(_ =>
        {
            if (++at == stopAt)
                stop.Cancel();
        }, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        string before = await Untouched.TakeAsync(machine);
        for (stopAt = 1; ; stopAt++, steps++)
        {
            Assert.True(stopAt < MostSteps);
            (at, stop) = (0, new CancellationTokenSource());
            Exception? failure = await Record.ExceptionAsync(() => machine.Engine.BackupAsync(TestMachine.Name, new BackupRequest { Repository = machine.Repository }, machine.Report, stop.Token));
            int reached = at;
            if (failure is null && reached < stopAt)
                break;
            // From the rename on the backup is there, and is finished.
            if (failure is null)
                continue;
            Assert.True(failure is OperationCanceledException, $"step {stopAt}: {failure}");
            Assert.Equal(before, await Untouched.TakeAsync(machine));
        }

        stopAt = int.MaxValue;
        output.WriteLine($"{steps} steps");
        Assert.True(steps > 6);
        Assert.Empty(machine.Report.Warnings);
        await AssertRestoresAsync(machine, first, content);
        await machine.WriteAsync("vda", 3, 9 * Grain, Grain);
        await AssertNextIsRightAsync(machine);
    }

    [SkippableTheory]
    [InlineData("quit")]
    [InlineData("SIGTERM")]
    [InlineData("SIGKILL")]
    public async Task AMachineThatEndsInTheMiddleIsSaidAndTheNextBackupWorks(string how)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 2, 0, 32 << 20);
        await machine.IoAsync("vda", "flush");
        int process = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId!.Value;
        machine.Report.Steps.Clear();
        var slow = new BackupRequest { Repository = machine.Repository, SpeedLimit = 1 << 20 };
        Task<VMBackup> backup = machine.Engine.BackupAsync(TestMachine.Name, slow, machine.Report, CancellationToken.None);
        await CopiesAsync(machine.Report);
        if (how == "quit")
            await machine.Engine.InvokeQmpAsync(TestMachine.Name, "quit", null, CancellationToken.None);
        else
            Tool.Run("kill", how.Replace("SIG", "-", StringComparison.Ordinal), process.ToString(System.Globalization.CultureInfo.InvariantCulture));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => backup);
        output.WriteLine(failure.Message);

        Assert.Equal(BackupErrors.BackupMachineEnded, failure.ErrorId);
        Assert.Empty(machine.Report.Warnings);
        Assert.Equal([first.Id], (await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None)).Select(one => one.Id));
        Assert.Equal([first.Checkpoint], (await machine.MomentsAsync()).Select(moment => moment.Name));
        VMBackup next = await AssertNextIsRightAsync(machine);
        // Where QEMU closed its images, nothing was lost of what is known.
        Assert.Equal(how == "SIGKILL", next.Disks[0].Compared);
        await AssertRestoresAsync(machine, first, content);
    }

    [SkippableFact]
    public async Task ARepositoryThatFillsUpAnywhereKeepsNoHalfBackup()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        using SmallFileSystem repository = SmallFileSystem.Over(machine.Repository, 8);
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMBackup first = await machine.BackupAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        for (int block = 0; block < 16; block++)
            await machine.WriteAsync("vda", (byte)(2 + block), block * 3 * Grain, Grain);
        string before = await Untouched.TakeAsync(machine);
        // Beside the data there are tables, a manifest and directories: each may be what does not fit.
        int tried = 0;
        for (int space = 0; ; space += space is > 900 << 10 and < 1500 << 10 ? 12 << 10 : 150 << 10, tried++)
        {
            repository.Fill(space);
            Exception? failure = await Record.ExceptionAsync(() => machine.BackupAsync());
            repository.Free();
            if (failure is null)
                break;
            Assert.True(failure is MomentException { ErrorId: var id } && id == FileErrors.StorageFull, $"{space} bytes: {failure}");
            Assert.Equal(before, await Untouched.TakeAsync(machine));
        }

        output.WriteLine($"{tried} amounts of space were too little");
        Assert.True(tried > 8);
        VMBackup second = (await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None))[^1];
        await AssertRestoresAsync(machine, second, machine.Content(machine.DiskPath("vda")));
        await AssertRestoresAsync(machine, first, content);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TablesThatCannotBeWrittenWhenAFileIsClosedAreNoticed(bool running)
    {
        SmallFileSystem? repository = null;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == "backup:publish")
                repository!.Free();
            if (step != "backup:close targets")
                return;
            // As on a file system that puts what is overwritten in another place: QEMU has the tables in memory still.
            string file = Directory.EnumerateFiles(repository!.Path, "vda.qcow2", SearchOption.AllDirectories).Single(path => path.Contains(".partial/", StringComparison.Ordinal));
            Tool.Run("fallocate", "--punch-hole", "-o", FirstTableOf(file).ToString(System.Globalization.CultureInfo.InvariantCulture), "-l", "65536", file);
            repository.Fill(0);
        });
        using SmallFileSystem small = repository = SmallFileSystem.Over(machine.Repository, 8);
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync());
        output.WriteLine(failure.Message);

        Assert.Equal(FileErrors.StorageFull, failure.ErrorId);
        Assert.Contains("vda", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None));
    }

    // Where the table lies that says where the first clusters are (qcow2, L1 table).
    private static long FirstTableOf(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Number(Number(40)) & 0x00ff_ffff_ffff_fe00;

        long Number(long at)
        {
            byte[] bytes = new byte[8];
            file.Position = at;
            file.ReadExactly(bytes);
            return System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(bytes);
        }
    }

    [SkippableFact]
    public async Task TwoBackupsAtOnceOfOneMachineComeOneAfterTheOther()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup[] both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => machine.BackupAsync())));
        Array.Sort(both, (one, other) => string.CompareOrdinal(one.Id, other.Id));
        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental], both.Select(backup => backup.Kind));
        Assert.Equal(0, both[1].Disks[0].CopiedBytes);
        await AssertRestoresAsync(machine, both[1], machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task TwoMachinesBackUpIntoOneRepositorySideBySide()
    {
        // The first is held in the middle until the second has ended.
        TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously), free = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestMachine one = await TestMachine.CreateAsync(step =>
        {
            if (step == "backup:close targets" && held.TrySetResult())
                free.Task.WaitAsync(TimeSpan.FromMinutes(2)).GetAwaiter().GetResult();
        });
        await one.Engine.RenameDomainAsync(TestMachine.Name, "web2", one.Report, CancellationToken.None);
        string xml = one.Xml().Replace("<name>web1</name>", "<name>web3</name>", StringComparison.Ordinal).Replace("6f1b2a6e-", "7f1b2a6e-", StringComparison.Ordinal)
            .Replace(one.DiskPath("vda"), one.DiskPath("other"), StringComparison.Ordinal);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", one.DiskPath("other"), "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 5 0 8M", one.DiskPath("other"));
        await one.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, one.Report, CancellationToken.None);
        Task<VMBackup> first = Task.Run(() => one.Engine.BackupAsync("web3", new BackupRequest { Repository = one.Repository }, one.Report, CancellationToken.None));
        await Task.WhenAny(held.Task, first);
        VMBackup second = await one.Engine.BackupAsync("web2", new BackupRequest { Repository = one.Repository }, new TestReport(), CancellationToken.None);
        Assert.False(first.IsCompleted);
        free.SetResult();
        Assert.Equal("web3", (await first).VM);
        Assert.Equal(["web2", "web3"], (await one.Engine.GetBackupsAsync(one.Repository, null, null, one.Report, CancellationToken.None)).Select(backup => backup.VM).Order());
        Assert.NotEqual(second.Uuid, (await first).Uuid);
    }

    [SkippableFact]
    public async Task AClockThatWasTurnedBackChangesNoOrder()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        // The first was made while the clock was three years ahead.
        string directory = Path.GetDirectoryName(Path.GetDirectoryName(first.Disks[0].Path))!, ahead = DateTime.UtcNow.AddYears(3).ToString("yyyyMMdd'T'HHmmss'Z-'", System.Globalization.CultureInfo.InvariantCulture) + first.Id[^4..];
        Directory.Move(Path.Combine(directory, first.Id), Path.Combine(directory, ahead));
        string path = Path.Combine(directory, ahead, BackupManifest.FileName);
        BackupManifest manifest = BackupManifestFile.Parse(File.ReadAllBytes(path), path);
        File.WriteAllBytes(path, BackupManifestFile.ToBytes(manifest with { Id = ahead, Created = manifest.Created.AddYears(3) }));
        await machine.WriteAsync("vda", 2, Grain, Grain);
        VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        VMBackup third = await machine.BackupAsync(VMBackupKind.Incremental);

        Assert.Equal([ahead, second.Id], [second.Disks[0].ParentId!, third.Disks[0].ParentId!]);
        Assert.Equal([Grain, Grain], [second.Disks[0].CopiedBytes, third.Disks[0].CopiedBytes]);
        Assert.True(string.CompareOrdinal(ahead, second.Id) < 0 && string.CompareOrdinal(second.Id, third.Id) < 0);
        await AssertRestoresAsync(machine, null, machine.Content(machine.DiskPath("vda")));
    }

    // Waits until a slow backup copies.
    private static async Task CopiesAsync(TestReport report)
    {
        for (int tries = 0; tries < 6000; tries++)
        {
            lock (report.Steps)
                if (report.Steps.Any(step => step.Done > 0 && step.Status.Contains("copying", StringComparison.Ordinal)))
                    return;
            await Task.Delay(20);
        }

        Assert.Fail("Nothing is copied.");
    }

    private static async Task<VMBackup> AssertNextIsRightAsync(TestMachine machine)
    {
        VMBackup next = await machine.BackupAsync();
        await AssertRestoresAsync(machine, next, machine.Content(machine.DiskPath("vda")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(machine.Repository, "*.partial", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(machine.Repository, "*.owner", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }));
        return next;
    }

    private static async Task AssertRestoresAsync(TestMachine machine, VMBackup? backup, byte[] content)
    {
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup?.Id, Destination = Path.Combine(machine.Scratch, Guid.NewGuid().ToString("N")) }, machine.Report, CancellationToken.None);
        Assert.True(content.AsSpan().SequenceEqual(machine.Content(restored[0].Path)), "the restored disk differs");
    }
}
