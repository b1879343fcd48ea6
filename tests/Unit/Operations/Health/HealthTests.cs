using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Health;

/// <summary>Test-VMMoment on real drift: each kind is one finding under its own id, and nothing is changed by looking.</summary>
public sealed class HealthTests
{
    public static TheoryData<string> Names => [.. Drifts.All.Select(drift => drift.Name)];

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task EachDriftIsOneFindingUnderItsOwnId(string name)
    {
        Drift drift = Drifts.Find(name);
        await using TestMachine machine = await drift.MachineAsync();
        Assert.Empty(await machine.TestAsync());
        await drift.MakeAsync(machine);
        string before = State(machine);
        IReadOnlyList<VMMomentFinding> findings = await machine.TestAsync();

        Assert.True(findings.Count == 1, $"{findings.Count} findings:\n" + string.Join('\n', findings.Select(one => $"{one.Id}: {one.Text}")));
        VMMomentFinding finding = findings[0];
        Assert.True(drift.ExpectedId == finding.Id, $"{finding.Id}: {finding.Text}");
        Assert.Equal((drift.Moment, drift.Disk, drift.Severity), (finding.Moment, finding.Disk, finding.Severity));
        Assert.Equal(TestMachine.Name, finding.VM);
        Assert.EndsWith(".", finding.Text, StringComparison.Ordinal);
        Assert.EndsWith(".", finding.Remedy, StringComparison.Ordinal);
        Assert.Equal(before, State(machine));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMachineWithoutDamageIsSilent(bool running)
    {
        await using TestMachine machine = await DriftMachine.OnBaseAsync();
        if (running)
        {
            await machine.StartAsync();
            await machine.CheckpointAsync("d");
            await machine.WriteAsync("vda", 7, 0, DriftMachine.Grain);
        }

        Assert.Empty(await machine.TestAsync());
        await machine.RemoveAsync("b");
        Assert.Empty(await machine.TestAsync());
        await machine.RemoveAsync("a", descendants: true);
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task AStartAndAChangeWarnWithTheSameIds()
    {
        await using TestMachine machine = await DriftMachine.OnBaseAsync();
        Tool.Run("qemu-img", "commit", "-q", machine.DiskPath("vda"));
        await DriftMachine.BitmapAsync(machine, "vdb", "b", "--disable");
        // Which of two things was first can be told where they are some ticks apart.
        await Task.Delay(100);
        await machine.StartAsync();
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("LayerChanged: ", StringComparison.Ordinal) && warning.Contains("'vda'", StringComparison.Ordinal));
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("BitmapNotRecording: ", StringComparison.Ordinal) && warning.Contains("'vdb'", StringComparison.Ordinal));
        machine.Report.Warnings.Clear();
        await machine.CheckpointAsync("d", "vda");
        Assert.Collection(
            machine.Report.Warnings,
            warning => Assert.StartsWith("LayerChanged: ", warning, StringComparison.Ordinal),
            warning => Assert.Contains("what changed between 'c' and now is lost", warning, StringComparison.Ordinal));
        Assert.DoesNotContain(await machine.TestAsync(), finding => finding.Id == "LayerChanged");
    }

    [SkippableFact]
    public async Task ARemovalAndAnotherSizeWarnToo()
    {
        await using TestMachine machine = await DriftMachine.OnBaseAsync();
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 7 2M 64k", DriftMachine.BaseOf(machine));
        Tool.Run("qemu-img", "resize", "-q", "-f", "qcow2", machine.DiskPath("vdb"), "+1M");
        await machine.RemoveAsync("b");
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("LayerChanged: ", StringComparison.Ordinal) && warning.Contains("'vda'", StringComparison.Ordinal));
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("DiskResized: ", StringComparison.Ordinal) && warning.Contains("'vdb'", StringComparison.Ordinal));
        machine.Report.Warnings.Clear();
        await machine.StartAsync();
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("DiskResized: ", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task MetadataOfBeforeTheLayersWereRecordedIsValid()
    {
        await using TestMachine machine = await DriftMachine.OnBaseAsync();
        await DriftMachine.EditAsync(machine, "disks.xml", "<(?<prefix>[\\w:]*)facts[^>]*/>", "");
        Assert.Empty(await machine.TestAsync());
        await machine.CheckpointAsync("d", "vda");
        Assert.Contains("facts", File.ReadAllText(Path.Combine(machine.StateDirectory, "disks.xml")), StringComparison.Ordinal);
        Tool.Run("qemu-img", "commit", "-q", machine.DiskPath("vda"));
        Assert.Equal("LayerChanged", Assert.Single(await machine.TestAsync()).Id);
    }

    private static string State(TestMachine machine) => string.Join('\n',
        new DirectoryInfo(Path.Combine(machine.Scratch, "state")).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Concat(new DirectoryInfo(machine.Scratch).EnumerateFiles())
            .Select(file => $"{file.FullName} {(file as FileInfo is { Exists: true, LinkTarget: null } whole ? whole.Length : 0)} {file.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal));
}
