using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Metadata.Documents;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>A real libvirtd takes what is exported, and what it keeps is imported.</summary>
public sealed class LibvirtTests
{
    [SkippableFact]
    public async Task LibvirtTakesTheExportAndItsOwnFilesComeBack()
    {
        using var scratch = new ScratchDirectory();
        using LibvirtDaemon libvirt = await LibvirtDaemon.StartAsync(scratch.Path);
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b", "vda");
        await machine.ImportAsync(Snapshot("s", more: machine.Xml()), Snapshot("t u", "s", more: machine.Xml()));
        File.WriteAllText(Path.Combine(machine.Scratch, "web1.xml"), machine.Xml());
        libvirt.Virsh("define", Path.Combine(machine.Scratch, "web1.xml"));

        string directory = Path.Combine(machine.Scratch, "out") + "/";
        await machine.Engine.ExportMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Path = directory }, machine.Report, CancellationToken.None);
        // In this order: with checkpoints libvirt refuses snapshots of a stopped machine, redefined ones too.
        foreach (string name in (string[])["s", "t u"])
            libvirt.Virsh("snapshot-create", TestMachine.Name, Path.Combine(directory, name + ".xml"), "--redefine");
        foreach (string name in (string[])["a", "b"])
            libvirt.Virsh("checkpoint-create", TestMachine.Name, Path.Combine(directory, name + ".xml"), "--redefine");
        Assert.Equal("a b", string.Join(' ', libvirt.Virsh("checkpoint-list", TestMachine.Name, "--name", "--topological").Split((char[])['\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));
        Assert.Equal("a", libvirt.Virsh("checkpoint-parent", TestMachine.Name, "b").Trim());
        Assert.Contains("bitmap='b'", libvirt.Virsh("checkpoint-dumpxml", TestMachine.Name, "b"), StringComparison.Ordinal);

        foreach (string name in (string[])["b", "a", "t u", "s"])
            await machine.Engine.RemoveMomentsAsync(TestMachine.Name, new RemoveMomentRequest { Name = name, MetadataOnly = true }, machine.Report, CancellationToken.None);
        await machine.ImportAsync(new ImportMomentsRequest
        {
            Paths = [Path.Combine(libvirt.Library, "qemu", "checkpoint", TestMachine.Name), Path.Combine(libvirt.Library, "qemu", "snapshot", TestMachine.Name)],
        });
        IReadOnlyList<VMMoment> back = await machine.MomentsAsync();
        Assert.Equal(["a", "b", "s", "t u"], back.Select(moment => moment.Name).Order());
        Assert.Equal(("a", "s"), (back.Single(moment => moment.Name == "b").Parent, back.Single(moment => moment.Name == "t u").Parent));

        await machine.Engine.RemoveMomentsAsync(TestMachine.Name, new RemoveMomentRequest { Name = "b", MetadataOnly = true }, machine.Report, CancellationToken.None);
        Assert.Equal("a", Assert.Single(await machine.ImportAsync(libvirt.Virsh("checkpoint-dumpxml", TestMachine.Name, "b"))).Parent);
    }
}
