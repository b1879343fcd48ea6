using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>A guest that counts in its memory and on its disk goes back to external snapshots: it goes on with exactly the next count.</summary>
public sealed class RestoreGuestTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WithMemoryItGoesOnWhereItWas(bool running)
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync("vda", "vdb");
        await guest.StartAsync();
        await TakeAsync(guest, "clean", memory: true);
        int saved = guest.CountIn(guest.Machine.DiskPath("vda"));
        await guest.NextAsync(count: 5);
        if (!running)
            await guest.Machine.StopAsync();

        VMSnapshotRestore done = await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" });
        Assert.Equal((true, VMState.Running), (done.Memory, done.State));
        // The count that was under way at the instant had been written, or had not.
        int[] counts = await guest.NextAsync(after: 0, count: 3);
        Assert.InRange(counts[0], saved, saved + 1);
        Assert.Equal([counts[0] + 1, counts[0] + 2], counts[1..]);
        Assert.Empty(guest.Machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task OfTheDisksAloneItBootsInTheSameQemu()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        await TakeAsync(guest, "clean", memory: false);
        int saved = guest.CountIn(guest.Machine.DiskPath("vda"));
        await guest.NextAsync(count: 5);
        int? process = (await guest.Machine.Engine.GetDomainAsync(TestMachine.Name, guest.Machine.Report, CancellationToken.None)).ProcessId;
        string[] before = guest.Lines();
        await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" });
        Assert.Equal(saved + 1, await guest.ReturnAsync(before));
        Assert.Contains(guest.Machine.Report.Notes, note => note.StartsWith("The guest of 'web1' stood still for ", StringComparison.Ordinal));
        Assert.Equal(process, (await guest.Machine.Engine.GetDomainAsync(TestMachine.Name, guest.Machine.Report, CancellationToken.None)).ProcessId);
    }

    [SkippableFact]
    public async Task WhatIsLeftIsKeptAsASnapshotWithItsMemoryAndGoneBackTo()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        await TakeAsync(guest, "clean", memory: false);
        await guest.NextAsync(count: 5);
        string[] before = guest.Lines();
        VMSnapshotRestore done = await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean", KeepCurrent = "work", KeepMemory = true });
        Assert.Equal("work", done.Taken);
        int first = await guest.ReturnAsync(before);
        await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "work" });
        Assert.True((await guest.NextAsync(after: 0))[0] > first + 3, "it did not go on from what was left");

        // Nothing was written since, and it is off: nothing is taken.
        await guest.Machine.StopAsync();
        await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" });
        VMSnapshotRestore clean = await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean", KeepCurrent = "again" });
        Assert.Null(clean.Taken);
        Assert.Contains(guest.Machine.Report.Warnings, warning => warning.Contains("'again' was not taken", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task ABranchLeftWithItsMemoryGoesOnWhereItWas()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        await TakeAsync(guest, "clean", memory: false);
        await guest.NextAsync(count: 3);
        await guest.Machine.Engine.CreateBranchAsync(TestMachine.Name, new CreateBranchRequest { Name = "try", From = "clean" }, guest.Machine.Report, CancellationToken.None);
        await guest.Machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "try", KeepMemory = true }, guest.Machine.Report, CancellationToken.None);
        int left = guest.CountIn(new SnapshotForge(guest.Machine).Load().Disk("vda") is var disk ? disk.Layers[disk.Tips["main"].LayerId].Path : "");
        await guest.NextAsync(after: 0, count: 3);
        await guest.Machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "main" }, guest.Machine.Report, CancellationToken.None);
        Assert.InRange((await guest.NextAsync(after: 0))[0], left, left + 1);
        Assert.DoesNotContain(Directory.EnumerateFiles(guest.Machine.Scratch, "*.mem"), _ => true);
    }

    [SkippableFact]
    public async Task AMachineThatChangedIsRefusedAndForced()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        await TakeAsync(guest, "clean", memory: true);
        int saved = guest.CountIn(guest.Machine.DiskPath("vda"));
        await guest.Machine.StopAsync();
        string definition = Path.Combine(guest.Machine.StateDirectory, "domain.xml");
        string xml = (await File.ReadAllTextAsync(definition)).Replace(">64</memory>", ">96</memory>", StringComparison.Ordinal);
        await guest.Machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, guest.Machine.Report, CancellationToken.None);
        MomentException changed = await Expect.FailsAsync(RestoreErrors.DefinitionChanged, () => RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" }));
        Assert.Contains("the memory is 96 MiB, and was 64 MiB", changed.Message, StringComparison.Ordinal);
        await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean", Force = true });
        Assert.InRange((await guest.NextAsync(after: 0))[0], saved, saved + 1);
        Assert.Contains(">64</memory>", await File.ReadAllTextAsync(definition), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AMemoryThatIsGoneOrCutOrSpoiledLeavesTheMachineWhereItIs()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        string path = (await TakeAsync(guest, "clean", memory: true)).Memory!;
        byte[] whole = await File.ReadAllBytesAsync(path);
        await File.WriteAllBytesAsync(path, whole[..(whole.Length / 2)]);
        await Expect.FailsAsync(MachineErrors.MemoryFileBroken, () => RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" }));
        File.Delete(path);
        await Expect.FailsAsync(MachineErrors.MemoryFileMissing, () => RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" }));
        await guest.NextAsync(count: 3);

        byte[] spoiled = [.. whole];
        spoiled.AsSpan(40, 4000).Fill(0xEE);
        await File.WriteAllBytesAsync(path, spoiled);
        string active = new SnapshotForge(guest.Machine).Load().Disk("vda") is var disk ? disk.Layers[disk.ActiveTip!.LayerId].Path : "";
        MomentException refused = await Expect.FailsAsync(MachineErrors.MemoryLoadFailed, () => RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" }));
        Assert.Contains("was started again on the images that it had, and boots", refused.Message, StringComparison.Ordinal);
        // It counts on from its own disk, and nothing of the restore is left.
        int[] counts = await guest.NextAsync(after: 0);
        Assert.Equal(counts[0] + 1, counts[1]);
        Assert.Equal([guest.Machine.DiskPath("vda"), active], Directory.EnumerateFiles(guest.Machine.Scratch, "vda*.qcow2").Order(StringComparer.Ordinal).Reverse());
        await File.WriteAllBytesAsync(path, whole);
        await RestoreAsync(guest, new RestoreSnapshotRequest { Name = "clean" });
        await guest.NextAsync(after: 0);
    }

    private static async Task<VMSnapshot> TakeAsync(CountingGuest guest, string name, bool memory) => await guest.Machine.Engine.CreateSnapshotAsync(
        TestMachine.Name, new CreateSnapshotRequest { Name = name, Memory = memory, DiskOnly = !memory }, guest.Machine.Report, CancellationToken.None);

    private static Task<VMSnapshotRestore> RestoreAsync(CountingGuest guest, RestoreSnapshotRequest request) =>
        guest.Machine.Engine.RestoreSnapshotAsync(TestMachine.Name, request, guest.Machine.Report, CancellationToken.None);
}
