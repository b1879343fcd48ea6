using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Operations.Branches;
using static MomentTools.Tests.Operations.Branches.BranchMachine;

namespace MomentTools.Tests.Operations.Branches;

/// <summary>Branches of real machines: each keeps its own bytes, whatever is done on the others.</summary>
public sealed class BranchTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ThreeBranchesOnOneSnapshotHaveTheirOwnBytesBackAndForth(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(disks: ["vda", "vdb"]);
        if (running)
            await machine.StartAsync();
        await machine.WriteGrainAsync(1, 0);
        await machine.FreezeAsync("clean");
        byte[] frozen = Hash(machine);
        await machine.WriteGrainAsync(2, 1);
        VMBranch one = await machine.BranchAsync("one", "clean");
        await machine.BranchAsync("two", "clean");
        Assert.Equal(("clean", false, VMBranchState.Clean), (one.Start, one.Active, one.State == VMBranchState.PowerCut ? VMBranchState.Clean : one.State));
        Dictionary<string, byte[]> expected = new(StringComparer.Ordinal)
        {
            ["main"] = Patterns((0, 1), (1, 2)),
            ["one"] = Patterns((0, 1)),
            ["two"] = Patterns((0, 1)),
        };
        byte pattern = 10;
        foreach (string branch in (string[])["one", "two", "main", "two", "one", "main"])
        {
            VMBranch there = await machine.SwitchAsync(branch);
            Assert.Equal((branch, true, VMBranchState.Now), (there.Name, there.Active, there.State));
            int block = 2 + (pattern % 10);
            await machine.WriteGrainAsync(pattern, block);
            expected[branch][block] = pattern++;
        }

        if (running)
        {
            Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
            await machine.StopAsync();
        }

        foreach ((string branch, byte[] patterns) in expected)
            foreach (string disk in machine.Disks)
                Assert.Equal(patterns, await machine.PatternsAsync(branch, disk));
        Assert.Equal(frozen, Hash(machine));
        Assert.Empty((await machine.TestAsync()).Select(finding => $"{finding.Id}: {finding.Text}"));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ADiskThatASnapshotDoesNotCoverStaysWhereItIs(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(disks: ["vda", "vdb"]);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("both");
        await machine.FreezeAsync("part", "vda");
        VMBranch branch = await machine.BranchAsync("one", "part");
        Assert.Equal(["vda"], branch.Disks.Select(disk => disk.Name));
        await machine.WriteGrainAsync(1, 0);
        VMBranch there = await machine.SwitchAsync("one");
        Assert.Equal(["vda on one", "vdb on main"], there.Disks.Select(disk => $"{disk.Name} on {disk.Branch}"));
        await machine.WriteGrainAsync(2, 1);
        await machine.SwitchAsync("main");
        await machine.WriteGrainAsync(3, 2);
        if (running)
            await machine.StopAsync();
        Assert.Equal(Patterns((0, 1), (2, 3)), await machine.PatternsAsync("main", "vda"));
        Assert.Equal(Patterns((1, 2)), await machine.PatternsAsync("one", "vda"));
        Assert.Equal(Patterns((0, 1), (1, 2), (2, 3)), await machine.PatternsAsync("main", "vdb"));
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.RemoveBranchAsync("main"));
        Assert.Equal(BranchErrors.BranchActive, refused.ErrorId);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatChangedIsKnownExactlyAcrossBranches(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("first");
        await machine.WriteGrainAsync(1, 0);
        await machine.FreezeAsync("clean");
        await machine.WriteGrainAsync(2, 2);
        await machine.CheckpointAsync("on-main");
        await machine.BranchAsync("one", "clean");
        await machine.WriteGrainAsync(3, 4);
        await machine.SwitchAsync("one");
        Assert.Empty(await machine.ChangesAsync("clean"));
        await machine.WriteGrainAsync(4, 6);
        await machine.CheckpointAsync("on-one");
        await machine.WriteGrainAsync(5, 8);
        Assert.Equal([At(0), At(6), At(8)], await machine.ChangesAsync("first"));
        Assert.Equal([At(6), At(8)], await machine.ChangesAsync("clean"));
        Assert.Equal([At(2), At(6), At(8)], await machine.ChangesAsync("on-main"));
        Assert.Equal([At(2), At(6)], [.. (await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, "on-main", "on-one", ["vda"], machine.Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))]);
        await machine.SwitchAsync("main");
        Assert.Equal([At(2), At(4)], await machine.ChangesAsync("clean"));
        Assert.Equal([At(4)], await machine.ChangesAsync("on-main"));
        Assert.Equal([At(2), At(4), At(6)], await machine.ChangesAsync("on-one"));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IncrementsGoOnOnEachBranchAndRestoreByteForByte(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteGrainAsync(1, 0);
        await machine.BackupAsync();
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("one", "clean");
        byte pattern = 2;
        foreach (string branch in (string[])["main", "one", "main", "one"])
        {
            await machine.SwitchAsync(branch);
            await machine.WriteGrainAsync(pattern, pattern);
            pattern++;
            VMBackup backup = await machine.BackupAsync();
            Assert.Equal(VMBackupKind.Incremental, backup.Kind);
            string destination = Path.Combine(machine.Scratch, "restored" + pattern);
            IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = destination }, machine.Report, CancellationToken.None);
            string active = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Disks[0].Path!;
            Assert.True(machine.Content(restored[0].Path).AsSpan().SequenceEqual(machine.Content(active)), $"the backup of {branch} differs");
        }
    }

    [SkippableFact]
    public async Task ABranchOfAnInternalSnapshotIsInsideTheImageAndComesBack()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteGrainAsync(1, 0);
        await machine.SnapshotAsync("inside", request => request with { Internal = true });
        await machine.WriteGrainAsync(2, 1);
        VMBranch branch = await machine.BranchAsync("one", "inside");
        Assert.Equal("inside", Assert.Single(branch.Disks).Snapshot);
        await machine.SwitchAsync("one");
        Assert.Equal(Patterns((0, 1)), await machine.PatternsAsync("one", "vda"));
        await machine.WriteGrainAsync(3, 2);
        Assert.Equal([At(2)], await machine.ChangesAsync("inside"));
        await machine.SwitchAsync("main");
        Assert.Equal(Patterns((0, 1), (1, 2)), await machine.PatternsAsync("main", "vda"));
        await machine.SwitchAsync("one");
        Assert.Equal(Patterns((0, 1), (2, 3)), await machine.PatternsAsync("one", "vda"));
    }

    [SkippableFact]
    public async Task AKeptMemoryWaitsWithTheBranchAndGoesOnThere()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("one", "clean");
        await machine.StartAsync();
        await machine.SwitchAsync("one", keepMemory: true);
        VMBranch left = (await machine.BranchesAsync())["main"];
        Assert.Equal(VMBranchState.Memory, left.State);
        Assert.True(File.Exists(left.Memory));
        await machine.SwitchAsync("main");
        Assert.Equal(VMBranchState.Now, (await machine.BranchesAsync())["main"].State);
        Assert.False(File.Exists(left.Memory));
    }

    [SkippableFact]
    public async Task ABranchOfASnapshotWithMemoryGoesOnFromThatMemory()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.WriteGrainAsync(1, 0);
        VMSnapshot snapshot = await machine.SnapshotAsync("whole");
        await machine.WriteGrainAsync(2, 1);
        await machine.BranchAsync("one", "whole");
        await machine.BranchAsync("two", "whole");
        Assert.Equal((VMBranchState.Memory, snapshot.Memory), ((await machine.BranchesAsync())["one"].State, (await machine.BranchesAsync())["one"].Memory));
        await machine.StopAsync();
        await machine.SwitchAsync("one");
        Assert.NotEqual(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.True(File.Exists(snapshot.Memory));
        await machine.StopAsync();
        // It is a branch's that has not been there yet, and a snapshot's.
        await machine.RemoveBranchAsync("two", undoFor: TimeSpan.Zero);
        Assert.True(File.Exists(snapshot.Memory));
        Assert.Equal(Patterns((0, 1)), await machine.PatternsAsync("one", "vda"));
        Assert.Equal(Patterns((0, 1), (1, 2)), await machine.PatternsAsync("main", "vda"));
    }

    [SkippableTheory]
    [InlineData("vor dem Übergang (1)")]
    [InlineData("'; $x \"")]
    [InlineData(null)]
    public async Task ANameInAnyScriptIsAFileNameToo(string? given)
    {
        string name = given ?? new string('é', 100);
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.FreezeAsync("clean");
        await machine.BranchAsync(name, "clean");
        await machine.SwitchAsync(name);
        await machine.WriteGrainAsync(1, 0);
        await machine.SwitchAsync("main");
        Assert.Equal(Patterns((0, 1)), await machine.PatternsAsync(name, "vda"));
        Assert.Contains(machine.Engine.CompleteBranches(new CompletionQuery { VM = [TestMachine.Name] }, elsewhere: true), item => item.Text == name);
    }

    [SkippableFact]
    public async Task ABranchIsRenamedWhereverItIs()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("one", "clean");
        await machine.Engine.RenameBranchAsync(TestMachine.Name, "main", "before", machine.Report, CancellationToken.None);
        VMBranch renamed = await machine.Engine.RenameBranchAsync(TestMachine.Name, "one", "main", machine.Report, CancellationToken.None);
        Assert.Equal(("main", "clean", false), (renamed.Name, renamed.Start, renamed.Active));
        await machine.WriteGrainAsync(1, 0);
        await machine.CheckpointAsync("monday");
        await machine.SwitchAsync("main");
        await machine.SwitchAsync("before");
        await machine.StopAsync();
        Assert.Equal(Patterns((0, 1)), await machine.PatternsAsync("before", "vda"));
        Assert.Equal(Patterns(), await machine.PatternsAsync("main", "vda"));
        Assert.Equal("before", (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Branch);
    }

    private static byte[] Patterns(params (int Block, byte Pattern)[] written)
    {
        byte[] patterns = new byte[16];
        foreach ((int block, byte pattern) in written)
            patterns[block] = pattern;
        return patterns;
    }

    private static (long, long) At(int block) => (block * Grain, Grain);

    private static byte[] Hash(TestMachine machine) => SHA256.HashData([.. machine.Disks.SelectMany(disk => File.ReadAllBytes(machine.DiskPath(disk)))]);
}
