using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Test-VMMoment and Repair-VMMoment about block snapshots, each trouble made for real.</summary>
public sealed class ServingFindingsTests
{
    [SkippableFact]
    public async Task WhereAllIsWellThereIsNothing()
    {
        await using TestMachine machine = await StartAsync();
        TakenView first = await TakenView.TakeAsync(machine, "first", exported: false);
        await TakenView.TakeAsync(machine, "then", exported: false);
        Assert.Empty(await machine.TestAsync());
        // The lower one leaves a filter that the upper one stands on.
        await first.RemoveAsync();
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task WhatHasNoRecordIsRemovedFromQemu()
    {
        await using TestMachine machine = await StartAsync();
        string before = await NamesAsync(machine);
        TakenView view = await TakenView.TakeAsync(machine, "lost");
        File.Delete(view.RecordPath);
        VMMomentFinding[] findings = await ServingEndTests.ServingFindingsAsync(machine);
        Assert.Equal(["PointPinned", "PointPinned", "ScratchLeftover", "ScratchLeftover", "ServiceLeftover"], findings.Select(finding => finding.Id).Order(StringComparer.Ordinal));
        await machine.RepairAsync();
        Assert.Equal(["ScratchLeftover", "ScratchLeftover"], (await ServingEndTests.ServingFindingsAsync(machine)).Select(finding => finding.Id));
        Assert.Equal(before, await NamesAsync(machine));
        Assert.DoesNotContain("pinned", string.Concat(Directory.EnumerateFiles(machine.StateDirectory, "*.xml", SearchOption.AllDirectories).Select(File.ReadAllText)), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AnExportWithoutARecordGoes()
    {
        await using TestMachine machine = await StartAsync();
        TakenView view = await TakenView.TakeAsync(machine, "here");
        string id = MomentIds.New();
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block-export-add", $$"""{"type":"nbd","id":"mt-e-{{id}}-0","node-name":"{{view.NodeOf("vda")}}","name":"x"}""", CancellationToken.None);
        VMMomentFinding finding = Assert.Single(await ServingEndTests.ServingFindingsAsync(machine));
        Assert.Equal(("ServiceLeftover", id), (finding.Id, finding.Layer));
        await machine.RepairAsync();
        Assert.Empty(await ServingEndTests.ServingFindingsAsync(machine));
        view.Check();
    }

    [SkippableFact]
    public async Task AStorageDaemonWithoutARecordGoes()
    {
        await using TestMachine machine = await StartAsync();
        string id = MomentIds.New(), runtime = new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")).Place(TestMachine.Name).RuntimeDirectory;
        ServingDaemon daemon = await ServingDaemon.StartAsync(runtime, id, CancellationToken.None);
        await daemon.DisposeAsync();
        VMMomentFinding finding = Assert.Single(await ServingEndTests.ServingFindingsAsync(machine));
        Assert.Equal(("ServiceLeftover", id), (finding.Id, finding.Layer));
        await machine.RepairAsync();
        Assert.False(ServingDaemon.IsAlive(daemon.Process));
        Assert.Empty(await ServingEndTests.ServingFindingsAsync(machine));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AScratchFileThatIsNoLongerThereIsToldAndAnotherOneIsLeftAlone(bool replaced)
    {
        await using TestMachine machine = await StartAsync();
        TakenView view = await TakenView.TakeAsync(machine, "here");
        File.Delete(view.ScratchOf("vda"));
        if (replaced)
            await File.WriteAllTextAsync(view.ScratchOf("vda"), "somebody's");
        VMMomentFinding finding = Assert.Single(await ServingEndTests.ServingFindingsAsync(machine));
        Assert.Equal(("ScratchReplaced", "vda", view.ScratchOf("vda")), (finding.Id, finding.Disk, finding.File));
        view.Check();
        Assert.True(Assert.Single(await machine.RepairAsync()).Left);
        view.Check();
        await view.RemoveAsync();
        Assert.Equal(replaced, File.Exists(view.ScratchOf("vda")));
    }

    [SkippableFact]
    public async Task ARecordThatNobodyCanReadIsToldAndNothingIsTakenForLeft()
    {
        await using TestMachine machine = await StartAsync();
        TakenView view = await TakenView.TakeAsync(machine, "here");
        string record = await File.ReadAllTextAsync(view.RecordPath);
        await File.WriteAllTextAsync(view.RecordPath, "no record");
        VMMomentFinding finding = Assert.Single(await ServingEndTests.ServingFindingsAsync(machine));
        Assert.Equal("ServiceRecordInvalid", finding.Id);
        Assert.True(Assert.Single(await machine.RepairAsync()).Left);
        view.Check();
        await File.WriteAllTextAsync(view.RecordPath, record);
        await view.RemoveAsync();
        Assert.Empty(await ServingEndTests.ServingFindingsAsync(machine));
    }

    private static async Task<TestMachine> StartAsync()
    {
        Tool.Require("nbdcopy");
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 1, 0, 65536);
        return machine;
    }

    // Names of nodes and bitmaps; how much they hold does not matter here.
    private static async Task<string> NamesAsync(TestMachine machine) => string.Join('\n',
        (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None)).EnumerateArray()
            .SelectMany(node => (node.TryGetProperty("dirty-bitmaps", out System.Text.Json.JsonElement bitmaps) ? bitmaps.EnumerateArray().Select(bitmap => bitmap.GetProperty("name").GetString()) : [])
                .Prepend(node.GetProperty("node-name").GetString())).Order(StringComparer.Ordinal));
}
