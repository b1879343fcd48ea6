using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Every other operation while two block snapshots, one on the other, stand on each disk of a running machine and are exported.</summary>
public sealed class BeneathBlockSnapshotsTests
{
    private const int Grain = 65536;

    [SkippableFact]
    public async Task CheckpointsAreTakenComparedAndRemoved()
    {
        await using Story story = await Story.BeginAsync();
        TestMachine machine = story.Machine;
        await machine.CheckpointAsync("second");
        await machine.WriteAsync("vda", 9, 5 * Grain, Grain);
        Assert.Equal([(3 * Grain, 3 * Grain)], Joined(await machine.ChangesAsync("base")));
        Assert.Equal([(5 * Grain, (long)Grain)], await machine.ChangesAsync("second"));
        Assert.Equal([(3 * Grain, 2 * Grain)], Joined(await machine.BetweenAsync("base", "second")));
        await machine.RemoveAsync("second");
        Assert.Equal([(3 * Grain, 3 * Grain)], Joined(await machine.ChangesAsync("base")));
        await machine.CheckpointAsync("third", "vdb");
        story.Check();
    }

    [SkippableFact]
    public async Task BackupsAreTakenFullAndIncremental()
    {
        await using Story story = await Story.BeginAsync();
        TestMachine machine = story.Machine;
        VMBackup full = await machine.BackupAsync();
        await machine.WriteAsync("vda", 9, 5 * Grain, Grain);
        await machine.IoAsync("vda", "flush");
        byte[] now = machine.Content(await machine.ActivePathAsync("vda"));
        VMBackup next = await machine.BackupAsync();
        Assert.Equal((VMBackupKind.Full, VMBackupKind.Incremental), (full.Disks[0].Kind, next.Disks[0].Kind));
        story.Check();
        foreach (VMBackup backup in (VMBackup[])[full, next])
        {
            string to = Path.Combine(machine.Scratch, backup.Id);
            await machine.Engine.RestoreBackupAsync(TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Destination = to }, machine.Report, CancellationToken.None);
            if (backup == next)
                Assert.True(machine.Content(Directory.EnumerateFiles(to, "vda*").Single()).AsSpan().SequenceEqual(now), "the backup is not the disk");
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ExternalSnapshotsOfTheDisksAreTaken(bool running)
    {
        await using Story story = await Story.BeginAsync(running);
        TestMachine machine = story.Machine;
        await machine.SnapshotAsync("one", request => request with { DiskOnly = true });
        Assert.Equal(running ? VMState.Running : VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        story.Check();
        await machine.WriteAsync("vda", 8, 0, 2 * Grain);
        await machine.WriteAsync("vdb", 8, 6 * Grain, Grain);
        story.Check();
        Assert.Equal([(0, 2L * Grain)], await machine.ChangesAsync("one"));
        // The nodes are taken out of the graph as it is now.
        await story.RemoveViewsAsync();
        await machine.WriteAsync("vda", 8, 7 * Grain, Grain);
        Assert.Equal([(0, 2L * Grain), (7 * Grain, Grain)], await machine.ChangesAsync("one"));
        await machine.StopAsync();
        Assert.Equal(Enumerable.Repeat((byte)8, Grain), machine.Content(await machine.ActivePathAsync("vda")).AsSpan(7 * Grain, Grain).ToArray());
    }

    /// <summary>QEMU 7.2 gives a migration up while a copy-before-write filter is there.</summary>
    [SkippableFact]
    public async Task TheMemoryIsNotSavedToAFileAndThatIsSaidBeforeAnythingIsTouched()
    {
        await using Story story = await Story.BeginAsync(running: true);
        TestMachine machine = story.Machine;
        string untouched = await UntouchedAsync(machine);
        MomentException failure = await Expect.FailsAsync(SnapshotCreationErrors.SnapshotMemoryImpossible, () => machine.SnapshotAsync("one", request => request with { Memory = true }));
        Assert.Contains("block snapshot 'first'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(untouched, await UntouchedAsync(machine));
        story.Check();
    }

    [SkippableFact]
    public async Task WhatOnlyLooksAndWhatChangesWordsAlone()
    {
        await using Story story = await Story.BeginAsync();
        TestMachine machine = story.Machine;
        string name = TestMachine.Name;
        Assert.Equal(["base", "clean"], (await machine.MomentsAsync()).Select(moment => moment.Name).Order(StringComparer.Ordinal));
        Assert.All((await machine.Engine.GetDomainAsync(name, machine.Report, CancellationToken.None)).Disks, disk => Assert.Equal(VMDiskTracking.Recorded, disk.Tracking));
        Assert.NotEmpty(await machine.Engine.GetBitmapsAsync(name, [], machine.Report, CancellationToken.None));
        await machine.Engine.SetMomentAsync(name, new SetMomentRequest { Name = "base", Description = "words" }, machine.Report, CancellationToken.None);
        Assert.Single(await machine.Engine.ExportMomentsAsync(name, new ExportMomentsRequest { Names = ["base"] }, machine.Report, CancellationToken.None));
        Assert.Empty(await machine.Engine.RepairMomentsAsync(name, new RepairMomentRequest(), machine.Report, CancellationToken.None));
        story.Check();
    }

    [SkippableFact]
    public async Task MomentsAreHandedOverToLibvirtAndTakenBack()
    {
        await using Story story = await Story.BeginAsync(external: false);
        TestMachine machine = story.Machine;
        await machine.Engine.HandOverMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Path = Path.Combine(machine.Scratch, "out") }, machine.Report, CancellationToken.None);
        story.Check();
        await machine.WriteAsync("vda", 9, 9 * Grain, Grain);
        await machine.Engine.ImportBitmapsAsync(TestMachine.Name, new ImportBitmapsRequest { Bitmaps = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal) { ["base"] = [] } }, machine.Report, CancellationToken.None);
        Assert.Equal([(3 * Grain, 2 * Grain), (9 * Grain, Grain)], Joined(await machine.ChangesAsync("base")));
        story.Check();
    }

    [SkippableFact]
    public async Task WhatWouldTakeTheDisksAwayIsRefusedByTheNameOfTheSnapshotAndNothingIsTouched()
    {
        await using Story story = await Story.BeginAsync();
        TestMachine machine = story.Machine;
        string name = TestMachine.Name;
        var untouched = await UntouchedAsync(machine);
        (string What, Func<Task> Run)[] refused =
        [
            ("restore", () => machine.Engine.RestoreSnapshotAsync(name, new RestoreSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None)),
            ("restore on a branch", () => machine.Engine.RestoreSnapshotAsync(name, new RestoreSnapshotRequest { Name = "clean", Branch = "try" }, machine.Report, CancellationToken.None)),
            ("switch", () => machine.Engine.SwitchBranchAsync(name, new SwitchBranchRequest { Name = "other" }, machine.Report, CancellationToken.None)),
            ("use", () => machine.Engine.BeginSnapshotUseAsync(name, new UseSnapshotRequest { Name = "clean", Id = Guid.NewGuid() }, machine.Report, CancellationToken.None)),
            ("merge", () => machine.Engine.MergeSnapshotAsync(name, new MergeSnapshotRequest { Name = "clean", Force = true }, machine.Report, CancellationToken.None)),
            ("remove", () => machine.Engine.RemoveSnapshotsAsync(name, new RemoveSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None)),
            ("internal", () => machine.SnapshotAsync("inside", request => request with { Internal = true })),
            ("internal with memory", () => machine.SnapshotAsync("inside", request => request with { Internal = true, Memory = true })),
            ("resize", () => machine.Engine.InvokeQmpAsync(name, "block_resize", JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal) { ["node-name"] = story.TopFilter, ["size"] = 2 * TestMachine.DiskSize }), CancellationToken.None)),
        ];
        foreach ((string what, Func<Task> run) in refused)
        {
            MomentException failure = await Assert.ThrowsAsync<MomentException>(run);
            Assert.True(failure.ErrorId == RestoreErrors.DiskInUse, $"{what}: {failure.ErrorId}: {failure.Message}");
            Assert.Contains("block snapshot 'first'", failure.Message, StringComparison.Ordinal);
            Assert.Contains($"Remove-VMBlockSnapshot -VM '{name}' -Name 'first'", failure.Advice, StringComparison.Ordinal);
            Assert.Equal(untouched, await UntouchedAsync(machine));
        }

        story.Check();
        await story.RemoveViewsAsync();
        await machine.Engine.RestoreSnapshotAsync(name, new RestoreSnapshotRequest { Name = "clean", Branch = "try" }, machine.Report, CancellationToken.None);
    }

    [SkippableFact]
    public async Task WhatOthersPutOnADiskIsNamedByTheirWords()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
        TakenView view = await TakenView.TakeAsync(machine, "stray", exported: false);
        File.Delete(view.RecordPath);
        MomentException failure = await Expect.FailsAsync(RestoreErrors.DiskInUse, () => machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None));
        Assert.Contains($"mt-bs-{view.Id}-0-c", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Repair-VMMoment", failure.Advice, StringComparison.Ordinal);
        await view.RemoveByHandAsync();
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean", Paused = true }, machine.Report, CancellationToken.None);
    }

    [SkippableFact]
    public async Task TheDiskIsFoundBeneathTheFiltersWhereItsFileIsOpenTwice()
    {
        await using Story story = await Story.BeginAsync();
        TestMachine machine = story.Machine;
        await machine.Engine.InvokeQmpAsync(
            TestMachine.Name, "blockdev-add",
            $$$"""{"driver":"qcow2","node-name":"again","read-only":true,"backing":null,"file":{"driver":"file","filename":"{{{await machine.ActivePathAsync("vda")}}}","locking":"off"}}""", CancellationToken.None);
        await machine.CheckpointAsync("second");
        await machine.WriteAsync("vda", 9, 5 * Grain, Grain);
        Assert.Equal([(5 * Grain, (long)Grain)], await machine.ChangesAsync("second"));
        story.Check();
    }

    // Data and zeros are told as runs of their own.
    private static List<(long Offset, long Length)> Joined(IEnumerable<(long Offset, long Length)> runs)
    {
        List<(long Offset, long Length)> joined = [];
        foreach ((long offset, long length) in runs)
        {
            if (joined is [.., var last] && last.Offset + last.Length == offset)
                joined[^1] = (last.Offset, last.Length + length);
            else
                joined.Add((offset, length));
        }

        return joined;
    }

    private static async Task<string> UntouchedAsync(TestMachine machine) => string.Join('\n',
        (await machine.MomentsAsync()).Select(moment => moment.Name).Append(await machine.NodesAsync())
            .Concat(Directory.EnumerateFiles(machine.StateDirectory, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("lock", StringComparison.Ordinal) && !path.EndsWith("generation", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(path => path + " " + File.ReadAllText(path)))
            .Concat(Directory.EnumerateFiles(machine.Scratch).Order(StringComparer.Ordinal)));

    /// <summary>A machine with a checkpoint, an external snapshot and another branch, and on its disks two views with writes between them.</summary>
    private sealed class Story : IAsyncDisposable
    {
        private readonly List<TakenView> _views = [];

        private Story(TestMachine machine) => Machine = machine;

        public TestMachine Machine { get; }

        public string TopFilter => $"mt-bs-{_views[^1].Id}-0-c";

        public static async Task<Story> BeginAsync(bool running = false, bool external = true)
        {
            Tool.Require("nbdcopy");
            TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            var story = new Story(machine);
            await machine.WriteAsync("vda", 1, 0, 8 * Grain);
            await machine.Engine.StartDomainAsync(TestMachine.Name, paused: !running, machine.Report, CancellationToken.None);
            if (external)
            {
                await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
                await machine.Engine.CreateBranchAsync(TestMachine.Name, new CreateBranchRequest { Name = "other", From = "clean" }, machine.Report, CancellationToken.None);
            }

            await machine.CheckpointAsync("base");
            story._views.Add(await TakenView.TakeAsync(machine, "first"));
            await machine.WriteAsync("vda", 2, 3 * Grain, Grain);
            await machine.IoAsync("vdb", $"write -z {6 * Grain} {Grain}");
            story._views.Add(await TakenView.TakeAsync(machine, "then"));
            await machine.IoAsync("vda", $"write -z {4 * Grain} {Grain}");
            story.Check();
            return story;
        }

        public void Check()
        {
            foreach (TakenView view in _views)
                view.Check();
        }

        public async Task RemoveViewsAsync()
        {
            foreach (TakenView view in _views)
                await view.RemoveAsync();
            _views.Clear();
        }

        public ValueTask DisposeAsync() => Machine.DisposeAsync();
    }
}
