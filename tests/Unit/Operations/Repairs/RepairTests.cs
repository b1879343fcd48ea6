using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Health;
using MomentTools.Operations.Repairs;
using MomentTools.Qcow2;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Repairs;

/// <summary>Repairs on real disks: what is found is mended, nothing becomes too small, and no byte of the guest's is touched (row C7).</summary>
public sealed class RepairTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClosedBitmapsAreSalvagedAfterAKillOfQemu(bool withSidecars)
    {
        await using TestMachine machine = await CrashedAsync(overlay: false, withSidecars);
        await RepairAsync(machine, FindingIds.BitmapInconsistent);

        VMBitmap salvaged = (await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Single(bitmap => bitmap.Name == "a");
        Assert.Equal((VMBitmapState.Closed, 2 * Grain), (salvaged.State, salvaged.Size));
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        Assert.Equal(VMDiskTracking.Lost, await machine.TrackingAsync());
        await machine.StartAsync();
        await machine.CheckpointAsync("c");
        Assert.Equal(VMDiskTracking.Recorded, await machine.TrackingAsync());
        await machine.WriteAsync("vda", 9, 30 * Grain, Grain);
        Assert.Equal([(30 * Grain, Grain)], await machine.ChangesAsync("c"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task OnAnOverlayTheImagesOwnAllocationTakesThePlaceOfWhatWasLost()
    {
        await using TestMachine machine = await CrashedAsync(overlay: true, withSidecars: true);
        await RepairAsync(machine, FindingIds.BitmapInconsistent);
        IReadOnlyList<(long Offset, long Length)> changes = await machine.ChangesAsync("b");
        // Written after b in the session that was lost, if it came to the disk at all; and what lay in the overlay before, as the price.
        Assert.Contains(changes, run => run.Offset <= 4 * Grain && run.Offset + run.Length >= 6 * Grain);

        await machine.WriteAsync("vda", 8, 40 * Grain, 100);
        VMBackup increment = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal(VMBackupKind.Incremental, increment.Kind);
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = increment.Id, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        Assert.Equal(machine.Content(machine.DiskPath("vda")), machine.Content(restored[0].Path));
    }

    [SkippableFact]
    public async Task AnOverlayWhoseBaseWasTouchedTellsNothing()
    {
        await using TestMachine machine = await CrashedAsync(overlay: true, withSidecars: true);
        string @base = machine.DiskPath("vda") + ".base";
        DateTime then = File.GetLastWriteTimeUtc(@base);
        byte[] content = await File.ReadAllBytesAsync(@base);
        await File.WriteAllBytesAsync(@base, content);
        File.SetLastWriteTimeUtc(@base, then);
        await machine.RepairAsync();
        await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("b"));
    }

    [SkippableFact]
    public async Task ACheckpointOfTheLostSessionLeavesNothingToSalvage()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("b");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.KillMachineAsync();
        await RepairAsync(machine, FindingIds.BitmapInconsistent);
        // Without their bitmaps, the closed segments come out of their sidecars.
        Assert.DoesNotContain(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None), bitmap => bitmap.Name is "a" or "b" or "c");
        await machine.CheckpointAsync("d");
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableTheory]
    [InlineData("bitmaps declared invalid", 95, 0xFE, 0)]
    [InlineData("larger than recorded", 28, 0xFF, 0x10)]
    public async Task AnImageThatWasChangedSinceIsNotSalvaged(string what, int at, int kept, int set)
    {
        await using TestMachine machine = await CrashedAsync(overlay: false, withSidecars: false);
        await DriftMachine.HeaderAsync(machine, "vda", at, value => (value & kept) | set);
        byte[] before = machine.Content(machine.DiskPath("vda"));
        DiskTracking tracking = new MomentStore(machine.StateDirectory).Load(failure => throw failure).Disk("vda");
        byte[] image = await File.ReadAllBytesAsync(machine.DiskPath("vda"));
        Salvage salvage = await Salvage.RunAsync(machine.DiskPath("vda"), tracking, new MomentStore(machine.StateDirectory).Segments, CancellationToken.None);
        Assert.Empty(salvage.Names);
        Assert.NotNull(salvage.Refusal);
        Assert.Equal(image, await File.ReadAllBytesAsync(machine.DiskPath("vda")));

        // The repair as a whole goes on without it: no answer of before, none too small after.
        await machine.RepairAsync();
        Assert.Equal(OperationErrors.ChangesUnknown, (await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"))).ErrorId);
        Assert.True(before.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))), what);
        await machine.CheckpointAsync("e");
        await machine.WriteAsync("vda", 10, 20 * Grain, Grain);
        Assert.Equal([(20 * Grain, Grain)], await machine.ChangesAsync("e"));
    }

    [SkippableFact]
    public async Task AnImageWithAFeatureNobodyKnowsIsLeftAlone()
    {
        await using TestMachine machine = await CrashedAsync(overlay: false, withSidecars: true);
        await DriftMachine.HeaderAsync(machine, "vda", 72, value => value | 0x80);
        byte[] image = await File.ReadAllBytesAsync(machine.DiskPath("vda"));
        IReadOnlyList<VMMomentRepair> done = await machine.RepairAsync();
        Assert.Contains(done, one => one.Action.StartsWith("Left as it is", StringComparison.Ordinal));
        Assert.Equal(image, await File.ReadAllBytesAsync(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task AMachineThatRunsAgainIsRepairedThroughQemu()
    {
        await using TestMachine machine = await CrashedAsync(overlay: false, withSidecars: true);
        await machine.StartAsync();
        await RepairAsync(machine, FindingIds.BitmapInconsistent);
        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 9, 30 * Grain, Grain);
        Assert.Equal([(30 * Grain, Grain)], await machine.ChangesAsync("c"));
        await machine.StopAsync();
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task ForeignBitmapsStayUnlessTheyAreAskedFor()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "theirs");
        VMMomentRepair left = Assert.Single(await machine.RepairAsync());
        Assert.StartsWith("Left as it is", left.Action, StringComparison.Ordinal);
        Assert.Equal(FindingIds.BitmapForeign, Assert.Single(await machine.TestAsync()).Id);
        await machine.Engine.RepairMomentsAsync(TestMachine.Name, new RepairMomentRequest { RemoveForeign = true }, machine.Report, CancellationToken.None);
        Assert.Empty(await machine.TestAsync());
        Assert.Equal(VMBitmapState.Recording, (await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Single(bitmap => bitmap.Name == "a").State);
    }

    [SkippableFact]
    public async Task AFlagIsWrittenOnlyWhileNobodyElseHasTheImage()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        Assert.Equal(Qcow2Errors.Qcow2ImageInUse, Assert.Throws<MomentException>(() => SoleImage.Open(machine.DiskPath("vda"))).ErrorId);
        await machine.StopAsync();
        using (SoleImage.Open(machine.DiskPath("vda")))
            Assert.Contains("lock", Tool.TryRun("qemu-io", "-f", "qcow2", "-c", "write 0 512", machine.DiskPath("vda")).Error, StringComparison.Ordinal);
        await machine.WriteAsync("vda", 1, 0, 512);
    }

    [SkippableFact]
    public async Task APlanChangesNothing()
    {
        await using TestMachine machine = await CrashedAsync(overlay: false, withSidecars: true);
        byte[] image = await File.ReadAllBytesAsync(machine.DiskPath("vda"));
        IReadOnlyList<VMMomentRepair> plan = await machine.Engine.PlanRepairAsync(TestMachine.Name, new RepairMomentRequest(), machine.Report, CancellationToken.None);
        Assert.Equal(image, await File.ReadAllBytesAsync(machine.DiskPath("vda")));
        Assert.Equal(plan.Select(one => one.Action), (await machine.RepairAsync()).Select(one => one.Action));
    }

    internal static async Task RepairAsync(TestMachine machine, string finding)
    {
        IReadOnlyList<VMMomentFinding> before = await machine.TestAsync();
        Assert.Contains(before, one => one.Id == finding);
        byte[] content = machine.Content(machine.DiskPath("vda"));
        IReadOnlyList<VMMomentRepair> done = await machine.RepairAsync();
        Assert.NotEmpty(done);
        Assert.DoesNotContain(done, one => one.Action.StartsWith("Left", StringComparison.Ordinal));
        Assert.True(content.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))), "the guest's bytes differ");
        IReadOnlyList<VMMomentFinding> after = await machine.TestAsync();
        Assert.True(after.Count == 0, string.Join('\n', after.Select(one => $"{one.Id}: {one.Text}").Concat(done.Select(one => "done: " + one.Action))));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    // a and b with their bitmaps stored at a clean end; then a session that writes and is killed.
    private static async Task<TestMachine> CrashedAsync(bool overlay, bool withSidecars)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        if (overlay)
        {
            string @base = machine.DiskPath("vda") + ".base";
            await machine.WriteAsync("vda", 7, 50 * Grain, Grain);
            File.Move(machine.DiskPath("vda"), @base);
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", @base, "-F", "qcow2", machine.DiskPath("vda"));
            await machine.BackupAsync();
        }

        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 2 * Grain);
        await machine.CheckpointAsync("b");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 4 * Grain, 2 * Grain);
        await machine.IoAsync("vda", "flush");
        await machine.KillMachineAsync();
        if (!withSidecars)
            Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);
        return machine;
    }
}
