namespace MomentTools.Tests.Operations.Branches;

/// <summary>What the tests of branches do to a machine, in few words.</summary>
internal static class BranchMachine
{
    public const long Grain = 65536;

    public static Task<VMBranch> BranchAsync(this TestMachine machine, string name, string from) =>
        machine.Engine.CreateBranchAsync(TestMachine.Name, new CreateBranchRequest { Name = name, From = from }, machine.Report, CancellationToken.None);

    public static Task<VMBranch> SwitchAsync(this TestMachine machine, string name, bool keepMemory = false) =>
        machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = name, KeepMemory = keepMemory }, machine.Report, CancellationToken.None);

    public static Task<VMBranchRemoval> RemoveBranchAsync(this TestMachine machine, string name, bool discard = false, TimeSpan? undoFor = null) =>
        machine.Engine.RemoveBranchAsync(TestMachine.Name, new RemoveBranchRequest { Name = name, Discard = discard, UndoFor = undoFor }, machine.Report, CancellationToken.None);

    /// <summary>What its removal would take away, after that of others.</summary>
    public static Task<VMBranchRemoval> PlanBranchRemovalAsync(this TestMachine machine, string name, TimeSpan? undoFor = null, params string[] before) =>
        machine.Engine.PlanBranchRemovalAsync(TestMachine.Name, new RemoveBranchRequest { Name = name, UndoFor = undoFor }, before, machine.Report, CancellationToken.None);

    public static async Task<IReadOnlyDictionary<string, VMBranch>> BranchesAsync(this TestMachine machine) =>
        (await machine.Engine.GetBranchesAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).ToDictionary(branch => branch.Name, StringComparer.Ordinal);

    /// <summary>Takes a snapshot of the disks alone, as new layers.</summary>
    public static Task<VMSnapshot> FreezeAsync(this TestMachine machine, string name, params string[] disks) =>
        machine.SnapshotAsync(name, request => request with { DiskOnly = true, Disks = disks });

    /// <summary>The patterns at the beginning of the first blocks of a disk's image, as long as there are any but zero among them.</summary>
    public static async Task<byte[]> PatternsAsync(this TestMachine machine, string branch, string disk, int blocks = 16)
    {
        VMBranchDisk tip = (await machine.BranchesAsync())[branch].Disks.Single(one => one.Name == disk);
        Assert.Null(tip.Snapshot);
        byte[] content = machine.Content(tip.Path!);
        byte[] patterns = [.. Enumerable.Range(0, blocks).Select(block => content[block * Grain])];
        for (int block = 0; block < blocks; block++)
            Assert.True(content.AsSpan((int)(block * Grain), (int)Grain).IndexOfAnyExcept(patterns[block]) < 0, $"block {block} of {disk} on {branch} is mixed");
        Assert.True(content.AsSpan((int)(blocks * Grain)).IndexOfAnyExcept((byte)0) < 0, $"{disk} on {branch} has something behind its first blocks");
        return patterns;
    }
}
