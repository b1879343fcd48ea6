using MomentTools.Operations.Health;
using MomentTools.Tests.Operations.Health;

namespace MomentTools.Tests.Operations.Repairs;

/// <summary>Every kind of drift, made for real, is repaired: Test-VMMoment is silent then, and no byte that the guest sees has changed.</summary>
public sealed class DriftRepairTests
{
    private const long Grain = 65536;

    // What only a person can put right: files that are gone, or that are not what they should be.
    private static readonly string[] ForPeople = [FindingIds.DiskMissing, FindingIds.ImageUnreadable, FindingIds.ImageCorrupt, FindingIds.LayerMissing, FindingIds.TrackingInvalid,
        FindingIds.BranchDoubtful, FindingIds.BranchFileInvalid, FindingIds.MemoryMissing];

    // What the guest writes then goes into a file without a name.
    private const string Replaced = "file replaced under the running machine";

    public static TheoryData<string> Repairable => [.. Drifts.All.Where(drift => !ForPeople.Contains(drift.ExpectedId) && drift.Name != Replaced).Select(drift => drift.Name)];

    public static TheoryData<string> Others => [.. Drifts.All.Where(drift => ForPeople.Contains(drift.ExpectedId) || drift.Name == Replaced).Select(drift => drift.Name)];

    [SkippableTheory]
    [MemberData(nameof(Repairable))]
    public async Task AfterTheRepairNothingIsFoundAndTheGuestsBytesAreTheSame(string name)
    {
        Drift drift = Drifts.Find(name);
        await using TestMachine machine = await drift.MachineAsync();
        await drift.MakeAsync(machine);
        byte[][] before = [.. machine.Disks.Select(disk => machine.Content(machine.DiskPath(disk)))];
        IReadOnlyList<VMMomentRepair> done = await machine.Engine.RepairMomentsAsync(TestMachine.Name, new RepairMomentRequest { RemoveForeign = true }, machine.Report, CancellationToken.None);
        IReadOnlyList<VMMomentFinding> left = await machine.TestAsync();
        Assert.True(left.Count == 0, $"{name}:\n{string.Join('\n', left.Select(finding => $"{finding.Id}: {finding.Text}").Concat(done.Select(repair => "did: " + repair.Action)))}");
        for (int at = 0; at < before.Length; at++)
            Assert.True(before[at].AsSpan().SequenceEqual(machine.Content(machine.DiskPath(machine.Disks[at]))), $"{name}: the bytes of {machine.Disks[at]} differ");
        // There the machine's disk is another file than the one that the test writes to.
        if (drift.ExpectedId != FindingIds.DiskChanged)
            await AssertGoesOnAsync(machine);
    }

    [SkippableTheory]
    [MemberData(nameof(Others))]
    public async Task WhatOnlyAPersonCanPutRightIsLeftAndSaid(string name)
    {
        Drift drift = Drifts.Find(name);
        await using TestMachine machine = await drift.MachineAsync();
        await drift.MakeAsync(machine);
        IReadOnlyList<VMMomentRepair> done = await machine.RepairAsync();
        VMMomentRepair left = Assert.Single(done, repair => repair.Finding.Id == drift.ExpectedId);
        Assert.Equal("Left as it is. " + left.Finding.Remedy, left.Action);
    }

    [SkippableTheory]
    [MemberData(nameof(Repairable))]
    public async Task AfterTheRepairTheNextBackupsRestoreByteForByte(string name)
    {
        Drift drift = Drifts.Find(name);
        await using TestMachine machine = await drift.MachineAsync();
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 70, 100 * Grain, Grain);
        await drift.MakeAsync(machine);
        await machine.Engine.RepairMomentsAsync(TestMachine.Name, new RepairMomentRequest { RemoveForeign = true }, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 71, 101 * Grain, Grain);
        await AssertRestoredAsync(machine, await machine.BackupAsync());
        await machine.WriteAsync("vda", 72, 102 * Grain, Grain);
        VMBackup increment = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.All(increment.Disks, disk => Assert.Equal(VMBackupKind.Incremental, disk.Kind));
        await AssertRestoredAsync(machine, increment);
    }

    private static async Task AssertRestoredAsync(TestMachine machine, VMBackup backup)
    {
        string destination = Path.Combine(machine.Scratch, "restored-" + backup.Id);
        foreach (VMRestoredDisk restored in await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Destination = destination }, machine.Report, CancellationToken.None))
        {
            await machine.IoAsync(restored.Disk, "flush");
            byte[] held = machine.Content(await machine.ActivePathAsync(restored.Disk));
            Assert.True(held.AsSpan().SequenceEqual(machine.Content(restored.Path)), $"{restored.Disk} restored from {backup.Id} ({backup.Kind}) differs");
        }
    }

    private static async Task AssertGoesOnAsync(TestMachine machine)
    {
        await machine.CheckpointAsync("afterwards");
        await machine.WriteAsync("vda", 77, 500 * Grain, Grain);
        Assert.Equal([(500 * Grain, Grain)], await machine.ChangesAsync("afterwards"));
    }
}
