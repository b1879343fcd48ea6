using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Somebody writes to a layer that snapshots stand on: nothing is changed, and the machine is not started, until that is accepted.</summary>
public sealed class FrozenLayerTests
{
    public static TheoryData<string> Ways => ["written", "opened", "resized", "replaced", "held open"];

    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public async Task EverythingStopsBeforeAnythingElseHappens(string way)
    {
        await using TestMachine machine = await FrozenAsync();
        using IDisposable? open = Do(machine, way);
        Dictionary<string, string> before = Hashes(machine);

        VMMomentFinding finding = Assert.Single(await machine.TestAsync());
        Assert.Equal(("FrozenLayerWritten", "Error", "vda", DriftMachine.BaseOf(machine)), (finding.Id, finding.Severity, finding.Disk, finding.Layer));
        await RefusedAsync(() => machine.CheckpointAsync("d"));
        await RefusedAsync(() => machine.RemoveAsync("b"));
        await RefusedAsync(() => machine.BackupAsync());
        await RefusedAsync(machine.StartAsync);
        await RefusedAsync(() => machine.Engine.SetMomentAsync(TestMachine.Name, new SetMomentRequest { Name = "a", Description = "said" }, machine.Report, CancellationToken.None));
        Assert.Equal(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(before, Hashes(machine));
        await machine.Engine.RenameDomainAsync(TestMachine.Name, "other", machine.Report, CancellationToken.None);
        await machine.Engine.RenameDomainAsync("other", TestMachine.Name, machine.Report, CancellationToken.None);
    }

    [SkippableFact]
    public async Task WhatWasNotWrittenStopsNothing()
    {
        await using TestMachine machine = await FrozenAsync();
        _ = machine.Content(machine.DiskPath("vda"));
        Assert.Empty(await machine.TestAsync());
        await machine.StartAsync();
        await machine.CheckpointAsync("d");
        await machine.StopAsync();
        await machine.CheckpointAsync("e");
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task ARepairAcceptsWhatItIsAndForgetsNoDoubt()
    {
        await using TestMachine machine = await FrozenAsync();
        byte[] before = machine.Content(machine.DiskPath("vda"));
        Do(machine, "written");
        VMMomentRepair repair = Assert.Single(await machine.RepairAsync());
        Assert.False(repair.Left, repair.Action);
        Assert.Empty(await machine.TestAsync());
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("c"));
        Assert.Equal("ChangesUnknown", unknown.ErrorId.Name);
        await machine.StartAsync();
        await machine.CheckpointAsync("d");
        await machine.WriteAsync("vda", 7, 20 * DriftMachine.Grain, DriftMachine.Grain);
        Assert.Equal([(20 * DriftMachine.Grain, DriftMachine.Grain)], await machine.ChangesAsync("d"));
        await machine.StopAsync();
        byte[] after = machine.Content(machine.DiskPath("vda"));
        Assert.NotEqual(before, after);
    }

    [SkippableFact]
    public async Task WhileSomebodyHasItOpenNothingIsAccepted()
    {
        await using TestMachine machine = await FrozenAsync();
        using IDisposable? open = Do(machine, "held open");
        VMMomentRepair repair = Assert.Single(await machine.RepairAsync());
        Assert.True(repair.Left, repair.Action);
        Assert.Equal("FrozenLayerWritten", Assert.Single(await machine.TestAsync()).Id);
    }

    [SkippableFact]
    public async Task AMachineThatItsOwnerStartedOnTheOldFileIsNoticedWhileItRunsAndAfterwards()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.SnapshotAsync("clean");
        await machine.WriteAsync("vda", 2, 0, DriftMachine.Grain);
        using (var owner = new Holder(machine.DiskPath("vda")))
        {
            VMMomentFinding finding = Assert.Single(await machine.TestAsync(), one => one.Id == "FrozenLayerWritten");
            Assert.Contains("'clean'", finding.Text, StringComparison.Ordinal);
            Assert.Contains("has it open for writing", finding.Text, StringComparison.Ordinal);
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.CheckpointAsync("d"));
            Assert.Equal(OwnerErrors.FrozenLayerWritten, refused.ErrorId);
            await Assert.ThrowsAsync<MomentException>(machine.StartAsync);
        }

        // It was opened for writing: that alone is known of it now.
        Assert.Equal(OwnerErrors.FrozenLayerWritten, (await Assert.ThrowsAsync<MomentException>(machine.StartAsync)).ErrorId);
        Assert.Contains(await machine.RepairAsync(), repair => !repair.Left && repair.Action.Contains("'clean'", StringComparison.Ordinal));
        Assert.Contains("written after it was frozen", Assert.Single(await machine.MomentsAsync()).Health, StringComparison.Ordinal);
        await machine.StartAsync();
        await machine.CheckpointAsync("d");
    }

    private static async Task<TestMachine> FrozenAsync()
    {
        TestMachine machine = await DriftMachine.OnBaseAsync();
        await DriftMachine.EditAsync(machine, "disks.xml", "(path=\"[^\"]*base.qcow2\")", "$1 frozen-top=\"x\"");
        return machine;
    }

    private static Holder? Do(TestMachine machine, string way)
    {
        string image = DriftMachine.BaseOf(machine);
        switch (way)
        {
            case "written":
                Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 5 2M 64k", image);
                return null;
            case "opened":
                // A bitmap in the image is flagged when it is opened for writing: nothing else is changed.
                File.SetLastWriteTimeUtc(image, DateTime.UtcNow);
                return null;
            case "resized":
                DateTime time = File.GetLastWriteTimeUtc(image);
                using (FileStream file = File.Open(image, FileMode.Append))
                    file.Write(new byte[512]);
                File.SetLastWriteTimeUtc(image, time);
                return null;
            case "replaced":
                File.Copy(image, image + ".copy");
                File.SetLastWriteTimeUtc(image + ".copy", File.GetLastWriteTimeUtc(image));
                File.Move(image + ".copy", image, overwrite: true);
                return null;
            default:
                return new Holder(image);
        }
    }

    private static async Task RefusedAsync(Func<Task> change)
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(change);
        Assert.Equal(OwnerErrors.FrozenLayerWritten, refused.ErrorId);
        Assert.Contains("base.qcow2", refused.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Hashes(TestMachine machine) => new DirectoryInfo(machine.Scratch).EnumerateFiles("*", SearchOption.AllDirectories)
        .Where(file => file.LinkTarget is null && file.Extension != ".sock" && file.Name != "lock").ToDictionary(file => file.FullName, file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file.FullName))), StringComparer.Ordinal);

    /// <summary>A program that has an image without bitmaps open for writing and writes nothing.</summary>
    private sealed class Holder(string image) : IDisposable
    {
        private readonly Process _process = NbdHolder.Start(image, image + ".sock");

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
