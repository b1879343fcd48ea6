using System.Security.Cryptography;
using System.Text.Json;
using MomentTools.Moments;
using MomentTools.Xml;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// A restore to an external snapshot, killed at each of its steps: the process that does it, or QEMU. Afterwards all disks are on the old tips or
/// all on the new ones, both contents are whole, no frozen image was written, and no file and no node is left over.
/// </summary>
[Trait("Proof", "crash")]
public sealed class RestoreCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("restore", false)]
    [InlineData("restore", true)]
    [InlineData("restore-running", true)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, bool running)
    {
        await CrashHarness.RunAsync(output, $"{operation}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            Prepared prepared = await PrepareAsync(machine, running);
            if (!machine.Dies(step, operation, "clean"))
                return false;

            await AssertSoundAsync(machine, prepared, where, operation is "restore-running" or "restore-branch");
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("restore-running")]
    [InlineData("restore")]
    public async Task AQemuKilledAtAnyStepLosesNothing(string operation)
    {
        await CrashHarness.RunAsync(output, $"{operation}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestMachine machine = await TestMachine.CreateAsync(killer.Probe, "vda", "vdb");
            Prepared prepared = await PrepareAsync(machine, running: true);
            if (!await machine.LosesQemuAsync(killer, operation, "clean", where))
                return false;

            await AssertSoundAsync(machine, prepared, where, runs: false);
            return true;
        });
    }

    /// <summary>With its memory, so that QEMU is started anew: the guest goes on, or is off, or boots, and each image is whole.</summary>
    [SkippableFact]
    public async Task AProcessKilledWhileItLoadsAMemoryLosesNothing()
    {
        await CrashHarness.RunAsync(output, "restore with memory", async (step, where) =>
        {
            await using CountingGuest guest = await CountingGuest.CreateAsync();
            TestMachine machine = guest.Machine;
            await guest.StartAsync();
            await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "clean", Memory = true }, machine.Report, CancellationToken.None);
            int saved = guest.CountIn(machine.DiskPath("vda"));
            await guest.NextAsync(count: 3);
            string frozen = Hash(machine.DiskPath("vda")), old = FileOf(machine, "vda");
            if (!machine.Dies(step, "restore", "clean"))
                return false;

            await machine.CheckpointAsync("after");
            Assert.True(!Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")).Any(), $"{where}: a journal is left");
            Assert.Equal(frozen, Hash(machine.DiskPath("vda")));
            VMState now = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State;
            string active = FileOf(machine, "vda");
            Assert.True(now is VMState.Running or VMState.Stopped, $"{where}: {now}");
            Assert.Equal(active == old ? 2 : 3, Directory.EnumerateFiles(machine.Scratch, "vda*.qcow2").Count());
            if (now == VMState.Running)
            {
                int[] counts = await guest.NextAsync();
                Assert.Equal(counts[0] + 1, counts[1]);
            }

            // Whatever happened, it can be done again.
            await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None);
            Assert.InRange((await guest.NextAsync(after: 0))[0], saved, saved + 1);
            return true;
        });
    }

    private sealed record Prepared(SnapshotForge Forge, string[] Frozen, string[] Hashes);

    private static async Task<Prepared> PrepareAsync(TestMachine machine, bool running)
    {
        SnapshotForge forge = await SnapshotRestoreTests.PrepareAsync(machine, running: false);
        if (running)
            await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        string[] frozen = [machine.DiskPath("vda"), machine.DiskPath("vdb")];
        return new Prepared(forge, frozen, [.. frozen.Select(Hash)]);
    }

    private static async Task AssertSoundAsync(TestMachine machine, Prepared prepared, string where, bool runs)
    {
        // The next command finishes it or takes it back.
        await machine.CheckpointAsync("after");
        Assert.True(machine.Report.Failures.Count == 0, where);
        Assert.True(!Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")).Any(), $"{where}: a journal is left");
        DomainMoments state = prepared.Forge.Load();
        DomainDocument domain = DomainDocument.Load(Path.Combine(machine.StateDirectory, "domain.xml"));
        bool[] isNew = [.. machine.Disks.Select(disk => domain.FindDisk(disk)!.SourcePath != machine.DiskPath($"{disk}.clean"))];
        Assert.True(isNew.Distinct().Count() == 1, $"{where}: one disk is on the new tip, the other is not");
        foreach (string disk in machine.Disks)
        {
            DiskTracking tracking = state.Disk(disk);
            Assert.Equal(domain.FindDisk(disk)!.SourcePath, tracking.Layers[tracking.ActiveTip!.LayerId].Path);
            string old = Assert.Single(tracking.Layers.Values, layer => layer.Path == machine.DiskPath($"{disk}.clean")).Path;
            Assert.True(Holds(machine.Content(old), disk, left: true), $"{where}: what was left is not whole");
            if (isNew[0])
                Assert.True(Holds(machine.Content(domain.FindDisk(disk)!.SourcePath!), disk, left: false), $"{where}: the snapshot's content is not what it was");
            string[] known = [.. tracking.Layers.Values.Select(layer => layer.Path)];
            Assert.DoesNotContain(Directory.EnumerateFiles(machine.Scratch, disk + "*.qcow2"), path => !known.Contains(path));
        }

        if (isNew[0])
            Assert.True(state.Kept.Count == 1 || state.Branches.ContainsKey("try"), $"{where}: what was left is nobody's");
        Assert.True(prepared.Hashes.SequenceEqual(prepared.Frozen.Select(Hash)), $"{where}: a frozen image was written");

        VMState now = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State;
        Assert.True(!runs || now == VMState.Running, $"{where}: the machine does not run: {now}");
        if (now == VMState.Stopped)
            return;
        JsonElement nodes = await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None);
        string[] open = [.. nodes.EnumerateArray().Where(node => node.GetProperty("drv").GetString() == "qcow2").Select(node => node.GetProperty("file").GetString()!).Order(StringComparer.Ordinal)];
        string[] expected = [.. machine.Disks.SelectMany(disk => (string[])[machine.DiskPath(disk), domain.FindDisk(disk)!.SourcePath!]).Order(StringComparer.Ordinal)];
        Assert.True(expected.SequenceEqual(open), $"{where}: open are {string.Join(", ", open)}");
    }

    private static bool Holds(byte[] content, string disk, bool left)
    {
        byte[] expected = new byte[content.Length];
        if (disk == "vda")
            expected.AsSpan(0, (int)Grain).Fill(1);
        if (left && disk == "vda")
            expected.AsSpan((int)Grain, (int)Grain).Fill(2);
        if (left && disk == "vdb")
            expected.AsSpan(0, 2 * (int)Grain).Fill(3);
        return expected.AsSpan().SequenceEqual(content);
    }

    private static string FileOf(TestMachine machine, string disk) =>
        DomainDocument.Load(Path.Combine(machine.StateDirectory, "domain.xml")).FindDisk(disk)!.SourcePath!;

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
}
