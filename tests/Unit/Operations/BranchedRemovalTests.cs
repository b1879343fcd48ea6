using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Operations.Snapshots;

namespace MomentTools.Tests.Operations;

/// <summary>Checkpoints are removed above and below a snapshot, on the active branch and on another one; no file is edited but the active one.</summary>
public sealed class BranchedRemovalTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("a", false)]
    [InlineData("b", false)]
    [InlineData("t", false)]
    [InlineData("n", false)]
    [InlineData("b", true)]
    [InlineData("n", true)]
    public async Task WhatStaysIsAsTrueAsBefore(string removed, bool running)
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        var forge = new SnapshotForge(machine);
        await machine.CheckpointAsync("n");
        await forge.IoAsync("vda", "write -P 7 15M 64k");
        if (running)
            await machine.StartAsync();
        string active = BranchDrifts.PathOf(machine, "main");
        Dictionary<string, byte[]> others = BranchDrifts.StateOf(machine).Disk("vda").Layers.Values.Select(layer => layer.Path).Where(path => path != active).ToDictionary(path => path, File.ReadAllBytes, StringComparer.Ordinal);
        await machine.RemoveAsync(removed);
        Assert.Empty(await machine.TestAsync());
        Assert.All(others, file => Assert.True(file.Value.AsSpan().SequenceEqual(File.ReadAllBytes(file.Key)), file.Key));
        Assert.Equal(["main", "try"], BranchDrifts.StateOf(machine).Disk("vda").Tips.Keys.Order(StringComparer.Ordinal));

        if (running)
            await machine.StopAsync();
        foreach ((string from, string? to, int[] blocks) in Answers.Where(answer => answer.From != removed && answer.To != removed))
            Assert.Equal(blocks, await ChangesAsync(machine, from, to));
        await machine.CheckpointAsync(removed == "n" ? "n" : "again");
        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", "read -P 4 12M 64k");
        await forge.IoAsync("vda", "write -P 6 14M 64k");
        if (removed != "t")
            Assert.Equal("224", string.Join(' ', await ChangesAsync(machine, "t", null)));
        Assert.Equal("192 224", string.Join(' ', await ChangesAsync(machine, "s", null)));
        await machine.CheckpointAsync("afterwards");
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task ADomainWithOtherBranchesIsNotUnregisteredByTheWay()
    {
        await using TestMachine machine = await BranchDrifts.MachineAsync();
        string left = BranchDrifts.PathOf(machine, "try");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest(), machine.Report, CancellationToken.None));
        Assert.Equal(OperationErrors.DomainHasMoments, refused.ErrorId);
        Assert.Contains("1 other branch", refused.Message, StringComparison.Ordinal);
        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None);
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains($"'{left}'", StringComparison.Ordinal));
        Assert.True(File.Exists(left));
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml() }, machine.Report, CancellationToken.None);
    }

    private static readonly (string From, string? To, int[] Blocks)[] Answers =
    [
        ("a", "b", [4]), ("a", "s", [4, 8]), ("b", "s", [8]), ("a", "t", [4, 8, 192]), ("b", "t", [8, 192]), ("s", "t", [192]), ("t", "n", [192, 208]), ("s", "n", [208]),
        ("a", null, [4, 8, 208, 240]), ("b", null, [8, 208, 240]), ("s", null, [208, 240]), ("t", null, [192, 208, 240]), ("n", null, [240]),
    ];

    private static async Task<int[]> ChangesAsync(TestMachine machine, string from, string? to)
    {
        IReadOnlyList<VMChangedBlock> runs = to is null
            ? await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, ["vda"], machine.Report, CancellationToken.None)
            : await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, ["vda"], machine.Report, CancellationToken.None);
        return [.. runs.SelectMany(run => Enumerable.Range((int)(run.Offset / Grain), (int)(run.Length / Grain)))];
    }
}
