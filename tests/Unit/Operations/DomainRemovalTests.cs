using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

[Trait("Proof", "crash")]
public sealed class DomainRemovalTests(ITestOutputHelper output)
{
    private const long Grain = 65536;
    private static readonly UnregisterDomainRequest Complete = new() { RemoveMetadata = true };

    [SkippableFact]
    public async Task ItIsRefusedWithTheCountAndWhatItWouldTake()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        MomentException refused = await Expect.FailsAsync(OperationErrors.DomainHasMoments, () => UnregisterAsync(machine, new UnregisterDomainRequest()));
        Assert.Contains("2 moments (2 checkpoints)", refused.Message, StringComparison.Ordinal);
        Assert.Contains("-RemoveMetadata", refused.Advice, StringComparison.Ordinal);
        await Expect.FailsAsync(OperationErrors.KeepBitmapsAlone, () => UnregisterAsync(machine, new UnregisterDomainRequest { KeepBitmaps = true }));
        await File.WriteAllTextAsync(Path.Combine(machine.StateDirectory, "checkpoints", "b.xml"), "<domaincheckpoint");
        Assert.Contains("1 that cannot be read", (await Expect.FailsAsync(OperationErrors.DomainHasMoments, () => UnregisterAsync(machine, new UnregisterDomainRequest()))).Message, StringComparison.Ordinal);
        Assert.NotEmpty(await machine.MomentsAsync());
    }

    // A crash leaves an inconsistent bitmap of ours that no edge refers to any more: that one goes too. A stranger's stays.
    [SkippableFact]
    public async Task NothingOfOursStaysInTheImages()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "stray");
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        await machine.CheckpointAsync("only-b", "vdb");
        await machine.RemoveAsync("b");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.KillMachineAsync();
        await machine.CheckpointAsync("c");
        await UnregisterAsync(machine, Complete);
        Assert.Equal("stray", Assert.Single(await machine.Engine.GetBitmapsOfFileAsync(machine.DiskPath("vda"), CancellationToken.None)).Name);
        Assert.DoesNotContain("bitmaps", Tool.Run("qemu-img", "info", machine.DiskPath("vdb")), StringComparison.Ordinal);
        Assert.Empty(machine.Engine.FindDomains("*"));
        await RegisterAgainAsync(machine);
    }

    [SkippableFact]
    public async Task AnAttachedMachineIsForgottenWhileItRuns()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string monitor = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor!;
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "other"), RuntimeRoot = Path.Combine(machine.Scratch, "r2") });
        // The second monitor: the first is for the one who started the machine.
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = monitor + "2" }, machine.Report, CancellationToken.None);
        await other.CreateCheckpointAsync("guest", new CreateCheckpointRequest { Name = "a" }, machine.Report, CancellationToken.None);
        await Expect.FailsAsync(OperationErrors.DomainHasMoments, () => other.UnregisterDomainAsync("guest", new UnregisterDomainRequest(), machine.Report, CancellationToken.None));
        await other.UnregisterDomainAsync("guest", Complete, machine.Report, CancellationToken.None);
        Assert.Empty(other.FindDomains("*"));
        Assert.Empty(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
        await machine.StopAsync();
        Assert.DoesNotContain("bitmaps", Tool.Run("qemu-img", "info", machine.DiskPath("vda")), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task WhereAnImageIsGoneTheDomainCanBeForgottenAllTheSame()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        File.Move(machine.DiskPath("vda"), machine.DiskPath("aside"));
        await Expect.FailsAsync(DiskErrors.DiskMissing, () => UnregisterAsync(machine, Complete));
        Assert.Single(await machine.MomentsAsync());
        // An operation that died, and that could only be undone on the image, does not stand in the way.
        Directory.CreateDirectory(Path.Combine(machine.StateDirectory, "journal"));
        await File.WriteAllTextAsync(
            Path.Combine(machine.StateDirectory, "journal", "0123456789ab.jsonl"),
            """{"operation":"checkpoint-remove","process":1,"started":"2026-01-01T00:00:00.0000000Z","intent":{"removed":{"vda":["a"]},"commit":{}}}""" + "\n");
        await Expect.FailsAsync(DiskErrors.DiskMissing, () => UnregisterAsync(machine, Complete));
        await UnregisterAsync(machine, Complete with { KeepBitmaps = true });
        Assert.Empty(machine.Engine.FindDomains("*"));
        Assert.NotEmpty(await machine.Engine.GetBitmapsOfFileAsync(machine.DiskPath("aside"), CancellationToken.None));
        await RegisterAgainAsync(machine);
    }

    [SkippableFact]
    public async Task AProcessKilledAtAnyStepLeavesAllOrNothing()
    {
        bool sawAll = false, sawNothing = false;
        await CrashHarness.RunAsync(output, "unregister", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, Grain);
            await machine.CheckpointAsync("b");
            bool died = machine.Dies(step, "unregister", "");
            bool known = machine.Engine.FindDomains("*").Count == 1;
            if (known)
            {
                // The next change settles it: all moments with their bitmaps, or none of either.
                await machine.CheckpointAsync("after");
                IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
                Assert.True(moments.Count is 1 or 3, where);
                Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
                if (moments.Count == 3)
                {
                    sawAll = true;
                    Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
                }

                await UnregisterAsync(machine, Complete);
            }
            else
            {
                sawNothing = true;
            }

            foreach (string disk in machine.Disks)
                Assert.DoesNotContain("bitmaps", Tool.Run("qemu-img", "info", machine.DiskPath(disk)), StringComparison.Ordinal);
            await RegisterAgainAsync(machine);
            return died;
        }, each: true);
        Assert.True(sawAll && sawNothing);
    }

    private static Task UnregisterAsync(TestMachine machine, UnregisterDomainRequest request) =>
        machine.Engine.UnregisterDomainAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    private static Task<VMDomain> RegisterAgainAsync(TestMachine machine) =>
        machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml() }, machine.Report, CancellationToken.None);
}
