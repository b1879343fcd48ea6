using System.Globalization;
using MomentTools.Operations.Serving;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots whose owner has ended, or whose machine has: shown as what they are, and cleared by the next changing command, no other.</summary>
public sealed class BlockSnapshotOwnerTests
{
    [SkippableFact]
    public async Task ALeaseThatRanOutIsShownAndClearedByTheNextChange()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        string before = await fleece.CountAsync();
        VMBlockSnapshot made = await fleece.NewAsync("one", request => request with { Lease = TimeSpan.FromSeconds(10) });
        Assert.Equal(VMServiceState.Ready, made.State);
        Assert.InRange(made.Expires!.Value - made.Created, TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(10.001));
        await fleece.NewAsync("two", request => request with { Lease = TimeSpan.FromHours(1) });
        await ServingTimes.PassAsync(made.Expires);
        Assert.Equal([VMServiceState.Expired, VMServiceState.Ready], (await fleece.ListAsync()).Select(snapshot => snapshot.State));
        Assert.Contains("lease", (await fleece.GetAsync("one")).Reason, StringComparison.Ordinal);
        await fleece.Machine.Engine.GetMomentsAsync(TestMachine.Name, new MomentQuery(), fleece.Machine.Report, CancellationToken.None);
        Assert.Equal(2, (await fleece.ListAsync()).Count);
        await fleece.RemoveAsync("two");
        Assert.Contains(fleece.Machine.Report.Warnings, text => text.Contains("'one'", StringComparison.Ordinal) && text.Contains("lease", StringComparison.Ordinal));
        Assert.Equal(before, await fleece.CountAsync());
    }

    [SkippableFact]
    public async Task ASessionThatIsGoneAndAnExportThatIsGoneTakeTheirsWithThem()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string before = await fleece.CountAsync();
        VMBlockSnapshot made = await fleece.NewAsync("mine", request => request with { OwnedBySession = true });
        Assert.Equal(VMServiceOwner.Session, made.Owner);
        foreach (string name in (string[])["session", "export"])
            await fleece.NewAsync(name);
        Replace(machine, "session", $"owner=\"session\" process=\"{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}\" started=\"1\"");
        Replace(machine, "export", "owner=\"export\" export=\"0123456789ab\"");
        Assert.Equal(["export Expired", "mine Ready", "session Expired"], (await fleece.ListAsync()).Select(snapshot => $"{snapshot.Name} {snapshot.State}"));
        await machine.WriteAsync("vda", 1, 0, FleeceMachine.Grain);
        await fleece.RemoveAsync("mine");
        Assert.Equal(before, await fleece.CountAsync());
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatAMachineTookWithItIsGoneAndItsFilesAreCleared(bool killed)
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await machine.CheckpointAsync("base");
        VMBlockSnapshot[] made = [await fleece.NewAsync("one"), await fleece.NewAsync("two")];
        // Somebody put another file in the place of one of them: that is not ours.
        string other = made[1].Disks[0].ScratchPath!;
        File.Move(other, other + ".aside");
        await File.WriteAllTextAsync(other, "mine");
        if (killed)
            await machine.KillMachineAsync();
        else
            await fleece.QmpAsync("quit");
        while ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State != VMState.Stopped)
            await Task.Delay(20);
        Assert.All(await fleece.ListAsync(), snapshot => Assert.Equal(VMServiceState.Gone, snapshot.State));
        await machine.StartAsync();
        Assert.Empty(await fleece.ListAsync());
        Assert.Equal("mine", await File.ReadAllTextAsync(other));
        Assert.Contains(machine.Report.Warnings, text => text.Contains(other, StringComparison.Ordinal));
        File.Delete(other);
        File.Delete(other + ".aside");
        string count = await fleece.CountAsync();
        Assert.All((string[])["scratch", "mt-bs-", "pin in", "blocksnapshots"], word => Assert.DoesNotContain(word, count, StringComparison.Ordinal));
        await machine.CheckpointAsync("after");
    }

    private static void Replace(TestMachine machine, string name, string owner)
    {
        string path = Path.Combine(machine.StateDirectory, ServiceRecords.PathOf(new BlockSnapshotRecord("0", name, default, ServiceOwner.Export("0"), null, null, [])));
        File.WriteAllText(path, File.ReadAllText(path).Replace("owner=\"machine\"", owner, StringComparison.Ordinal));
    }
}
