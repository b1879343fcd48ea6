using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>New-VMSnapshot does what it is told: files and their places, a document, a snapshot that is only made known, a layer that is there.</summary>
public sealed class SnapshotRequestTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task FilesGoWhereTheyAreTold()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        Directory.CreateDirectory(Path.Combine(machine.Scratch, "snaps"));
        string given = Path.Combine(machine.Scratch, "given.qcow2"), prefix = Path.Combine(machine.Scratch, "snaps", "web-");

        VMSnapshot one = await machine.SnapshotAsync("one", request => request with { Overlays = new Dictionary<string, string> { ["vdb"] = given }, Prefix = prefix });
        Assert.Equal((prefix + "vda.one.qcow2", given, prefix + "one.memory"), (await machine.ActivePathAsync("vda"), await machine.ActivePathAsync("vdb"), one.Memory));

        string memory = Path.Combine(machine.Scratch, "snaps", "ram");
        Assert.Equal(memory, (await machine.SnapshotAsync("two", request => request with { MemoryPath = memory, Prefix = "p-" })).Memory);
        Assert.Equal(Path.Combine(machine.Scratch, "snaps", "p-vda.two.qcow2"), await machine.ActivePathAsync("vda"));
    }

    [SkippableFact]
    public async Task ADocumentSaysItAll()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb", "vdc");
        await machine.StartAsync();
        string layer = Path.Combine(machine.Scratch, "b.qcow2");
        VMSnapshot made = await machine.Engine.CreateSnapshotAsync(
            TestMachine.Name,
            new CreateSnapshotRequest
            {
                DiskOnly = true,
                Xml = $"<domainsnapshot><name>from xml</name><description>why</description><disks><disk name='{machine.DiskPath("vda")}' snapshot='no'/><disk name='vdb' snapshot='external'><source file='{layer}'/></disk></disks></domainsnapshot>",
            },
            machine.Report, CancellationToken.None);

        Assert.Equal(("from xml", "why"), (made.Name, made.Description));
        Assert.Equal(["vdb", "vdc"], made.Disks.Where(disk => disk.State != VMBitmapState.NotCovered).Select(disk => disk.Name));
        Assert.Equal((machine.DiskPath("vda"), layer), (await machine.ActivePathAsync("vda"), await machine.ActivePathAsync("vdb")));
        string document = (await machine.Engine.ExportMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Names = ["from xml"] }, machine.Report, CancellationToken.None))[0].Xml;
        Assert.Contains("<state>disk-snapshot</state>", document, StringComparison.Ordinal);
        Assert.Contains("<memory snapshot=\"no\"", document.Replace('\'', '"'), StringComparison.Ordinal);
        Assert.Contains(layer, document, StringComparison.Ordinal);
        Assert.Contains(machine.DiskPath("vdc"), document, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task RedefiningDoesNothingToTheMachine()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        const string Xml = "<domainsnapshot><name>old</name><creationTime>1600000000</creationTime><state>shutoff</state><disks><disk name='vda' snapshot='internal'/></disks></domainsnapshot>";
        VMSnapshot known = await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Xml = Xml, Redefine = true, Current = true }, machine.Report, CancellationToken.None);

        Assert.Equal(("old", "shutoff", true), (known.Name, known.State, known.Current));
        Assert.NotEqual(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task APreparedLayerIsTaken(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);
        string layer = Path.Combine(machine.Scratch, "mine.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "vda.qcow2", "-F", "qcow2", layer, "64M");

        await machine.SnapshotAsync("reused", request => request with { DiskOnly = true, ReuseExternal = true, Overlays = new Dictionary<string, string> { ["vda"] = layer } });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        Assert.Equal(layer, await machine.ActivePathAsync("vda"));
        Assert.Equal([(0, Grain)], await machine.BetweenAsync("before", "reused"));
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("reused"));
        Assert.Empty(machine.Report.Warnings);
    }
}
