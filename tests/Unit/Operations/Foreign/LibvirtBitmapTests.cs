using MomentTools.Errors;
using MomentTools.Operations.Foreign;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>libvirt's own checkpoints come over with what they recorded, ours go over to it, and everything goes on exactly on either side.</summary>
public sealed class LibvirtBitmapTests
{
    [SkippableFact]
    public async Task CheckpointsOfAStoppedMachineComeOverWithBothLayers()
    {
        using LibvirtMachine machine = await LibvirtMachine.CreateAsync();
        Past(machine);
        machine.Stop();
        await machine.RegisterAsync(attached: false);
        await ImportAsync(machine);
        await machine.AssertChangesAsync("c1", "c2", "c3");
        await GoOnAsync(machine, running: false);
    }

    [SkippableFact]
    public async Task CheckpointsOfARunningMachineComeOverThroughASecondMonitor()
    {
        using LibvirtMachine machine = await LibvirtMachine.CreateAsync();
        Past(machine);
        await machine.RegisterAsync(attached: true);
        await ImportAsync(machine);
        await machine.AssertChangesAsync("c1", "c2", "c3");
        await GoOnAsync(machine, running: true);
    }

    [SkippableFact]
    public async Task AGapBetweenTheLayersIsUnknownAndSaid()
    {
        using LibvirtMachine machine = await LibvirtMachine.CreateAsync();
        machine.Start();
        machine.Checkpoint("c1");
        machine.Write(true, 1);
        string below = machine.ActivePath;
        machine.Snapshot("s1");
        machine.Write(true, 2);
        machine.Stop();
        Support.Tool.Run("qemu-img", "bitmap", "--disable", "-f", "qcow2", below, "c1");
        await machine.RegisterAsync(attached: false);
        await machine.Engine.ImportMomentsAsync(LibvirtMachine.Name, Directory(machine), machine.Report, CancellationToken.None);
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.AssertChangesAsync("c1"));
        Assert.Contains(below, unknown.Message, StringComparison.Ordinal);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => HandOverAsync(machine));
        Assert.Equal(ForeignErrors.HandOverImpossible, refused.ErrorId);
        Assert.Contains("'c1'", refused.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OursGoOverAndComeBack(bool running)
    {
        using LibvirtMachine machine = await LibvirtMachine.CreateAsync();
        if (running)
            machine.Start();
        await machine.RegisterAsync(attached: running);
        machine.Write(running, 0, 1);
        await machine.OwnCheckpointAsync("a");
        machine.Write(running, 1, 2, 3);
        await machine.OwnCheckpointAsync("b");
        machine.Write(running, 3, 8);
        await machine.OwnCheckpointAsync("c");
        machine.Write(running, 20);
        await machine.AssertChangesAsync("a", "b", "c");
        IReadOnlyList<VMMomentDocument> documents = await HandOverAsync(machine);
        if (!running)
            machine.Start();
        foreach (VMMomentDocument document in documents)
            machine.Libvirt.Virsh("checkpoint-create", LibvirtMachine.Name, document.Path!, "--redefine", "--redefine-validate");
        Assert.Equal("b", machine.Libvirt.Virsh("checkpoint-parent", LibvirtMachine.Name, "c").Trim());
        machine.Write(true, 30);
        foreach (string since in (string[])["a", "b", "c"])
            await machine.AssertLibvirtBackupAsync(since);
        machine.Checkpoint("theirs");
        machine.Write(true, 40, 2);
        await machine.AssertLibvirtBackupAsync("theirs");

        if (!running)
            machine.Stop();
        await machine.Engine.ImportMomentsAsync(LibvirtMachine.Name, Directory(machine), machine.Report, CancellationToken.None);
        await machine.AssertChangesAsync("a", "b", "c", "theirs");
        await GoOnAsync(machine, running, "a", "b", "c", "theirs");
    }

    // Two layers: an external snapshot of libvirt's between its checkpoints.
    private static void Past(LibvirtMachine machine)
    {
        machine.Start();
        machine.Write(true, 0, 1);
        machine.Checkpoint("c1");
        machine.Write(true, 1, 2, 3);
        machine.Checkpoint("c2");
        machine.Write(true, 3, 10);
        machine.Snapshot("s1");
        machine.Write(true, 11);
        machine.Checkpoint("c3");
        machine.Write(true, 2, 12);
    }

    private static async Task GoOnAsync(LibvirtMachine machine, bool running, params string[] before)
    {
        string[] all = before.Length > 0 ? before : ["c1", "c2", "c3"];
        machine.Write(running, 50);
        await machine.OwnCheckpointAsync("ours");
        machine.Write(running, 51, 52);
        await machine.AssertChangesAsync([.. all, "ours"]);
        await machine.AssertBackupAsync(VMBackupKind.Full);
        machine.Write(running, 52, 60);
        await machine.AssertBackupAsync(VMBackupKind.Incremental);
        await machine.AssertChangesAsync([.. all, "ours"]);
        foreach (string name in all)
            await machine.Engine.RemoveMomentsAsync(LibvirtMachine.Name, new RemoveMomentRequest { Name = name }, machine.Report, CancellationToken.None);
        machine.Write(running, 61);
        await machine.AssertChangesAsync("ours");
        await machine.AssertBackupAsync(VMBackupKind.Incremental);
        Assert.Empty(machine.Report.Failures);
    }

    private static async Task ImportAsync(LibvirtMachine machine)
    {
        await machine.Engine.ImportMomentsAsync(LibvirtMachine.Name, Directory(machine), machine.Report, CancellationToken.None);
        IReadOnlyList<VMMoment> moments = await machine.Engine.GetMomentsAsync(LibvirtMachine.Name, new MomentQuery(), machine.Report, CancellationToken.None);
        Assert.Equal([("c1", null), ("c2", "c1"), ("c3", "c2")], moments.Select(moment => (moment.Name, moment.Parent)).Order());
        Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
    }

    private static ImportMomentsRequest Directory(LibvirtMachine machine) => new() { Paths = [Path.Combine(machine.Libvirt.Library, "qemu", "checkpoint", LibvirtMachine.Name)] };

    private static Task<IReadOnlyList<VMMomentDocument>> HandOverAsync(LibvirtMachine machine) =>
        machine.Engine.HandOverMomentsAsync(LibvirtMachine.Name, new ExportMomentsRequest { Path = machine["out"] }, machine.Report, CancellationToken.None);
}
