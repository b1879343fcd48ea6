using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>A block snapshot of all disks of a running machine, with every byte that it must show, exported by hand so that a foreign client reads it.</summary>
internal sealed class TakenView
{
    private readonly TestMachine _machine;
    private readonly BlockSnapshotRecord _record;
    private readonly Dictionary<string, byte[]> _content = new(StringComparer.Ordinal);
    private string _socket = "";

    private TakenView(TestMachine machine, BlockSnapshotRecord record)
    {
        _machine = machine;
        _record = record;
    }

    public string Id => _record.Id;

    public string Name => _record.Name;

    /// <param name="machine">The running machine.</param>
    /// <param name="name">The block snapshot's name.</param>
    /// <param name="exported">Whether it can be checked: an export by hand, of which nobody knows.</param>
    public static async Task<TakenView> TakeAsync(TestMachine machine, string name, bool exported = true)
    {
        Dictionary<string, byte[]> content = new(StringComparer.Ordinal);
        foreach (string disk in machine.Disks)
        {
            // What QEMU has in memory of the image is in no file yet.
            await machine.IoAsync(disk, "flush");
            content[disk] = machine.Content(await machine.ActivePathAsync(disk));
        }

        await machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = name }, machine.Report, CancellationToken.None);
        var view = new TakenView(machine, new ServiceRecords(machine.StateDirectory).Snapshots(failure => throw failure).Single(record => record.Name == name));
        foreach ((string disk, byte[] bytes) in content)
            view._content[disk] = bytes;
        if (exported)
            await view.ExportAsync();
        return view;
    }

    public string NodeOf(string disk) => BlockSnapshotView.AccessNode(_record, _record.Disks.Single(one => one.Name == disk));

    public string ScratchOf(string disk) => _record.Disks.Single(one => one.Name == disk).ScratchPath!;

    public string RecordPath => Path.Combine(_machine.StateDirectory, ServiceRecords.PathOf(_record));

    /// <summary>Holds every byte of the view against what the disks held when it was taken.</summary>
    public void Check()
    {
        foreach ((string disk, byte[] content) in _content)
        {
            string raw = Path.Combine(_machine.Scratch, "view.raw");
            Tool.Run("nbdcopy", $"nbd+unix:///{disk}-{Name}?socket={_socket}", raw);
            byte[] read = File.ReadAllBytes(raw);
            Assert.True(content.SequenceEqual(read), $"the view '{Name}' of disk '{disk}' is not what it was, from byte {content.AsSpan().CommonPrefixLength(read)} on");
            File.Delete(raw);
        }
    }

    public Task RemoveAsync() => _machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, Name, _machine.Report, CancellationToken.None);

    /// <summary>Takes down what there is of it in QEMU, and its files, without a record.</summary>
    public async Task RemoveByHandAsync()
    {
        await using QmpClient qmp = await ConnectAsync();
        await new BlockSnapshotGraph(qmp).RemoveAsync(Id, [.. _record.Disks.Select(disk => new BlockSnapshotNodes(Id, disk.Number))]);
        foreach (BlockSnapshotRecordDisk disk in _record.Disks)
            File.Delete(disk.ScratchPath!);
    }

    private async Task ExportAsync()
    {
        string runtime = new DomainCatalogue(Path.Combine(_machine.Scratch, "state"), Path.Combine(_machine.Scratch, "run")).Place(TestMachine.Name).RuntimeDirectory;
        await using QmpClient qmp = await ConnectAsync();
        _socket = ((UnixNbdAddress)(await PrivateServer.EnsureAsync(qmp, runtime, null, CancellationToken.None)).Address).Path;
        foreach (BlockSnapshotRecordDisk disk in _record.Disks)
            await qmp.ExecuteAsync("block-export-add", new JsonObject { ["type"] = "nbd", ["id"] = $"test-{Id}-{disk.Name}", ["node-name"] = NodeOf(disk.Name), ["name"] = $"{disk.Name}-{Name}" }, CancellationToken.None);
    }

    private async Task<QmpClient> ConnectAsync()
    {
        VMDomain domain = await _machine.Engine.GetDomainAsync(TestMachine.Name, new TestReport(), CancellationToken.None);
        return await QmpClient.ConnectAsync(QmpAddress.Parse(domain.Monitor!), CancellationToken.None);
    }
}
