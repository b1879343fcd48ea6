using System.Globalization;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>External snapshots of a stopped, tracked machine made step by step with QEMU's own tools, and switches between branches.</summary>
internal sealed class SnapshotForge(TestMachine machine)
{
    private readonly EngineContext _context = new(
        new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")), TimeSpan.FromMinutes(2), null, GuestAgentOptions.Default);

    public DomainMoments Load() => new MomentStore(machine.StateDirectory).Load(machine.Report.Failure);

    public Task<ChangeScope> OpenAsync() => ChangeScope.OpenAsync(_context, TestMachine.Name, "test", machine.Report, CancellationToken.None);

    public async Task SnapshotAsync(string name)
    {
        using ChangeScope scope = await OpenAsync();
        var key = new MomentKey(MomentKind.Snapshot, name);
        var document = new SnapshotDocument { Name = name, State = "shutoff", CreationTime = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Domain = scope.Domain, Disks = [.. machine.Disks.Select(disk => new SnapshotDisk(disk, SnapshotMode.External))] };
        DomainMoments next = scope.State.With(new StoredMoment(key, MomentIds.New(), document, scope.State.Disks.Values.First().Current, DateTimeOffset.FromUnixTimeSeconds(document.CreationTime!.Value), null));
        DomainDocument domain = scope.Domain;
        foreach (string disk in machine.Disks)
        {
            DiskTracking tracking = next.Disk(disk);
            TrackingTip tip = tracking.ActiveTip!;
            TrackingLayer active = tracking.Layers[tip.LayerId];
            string overlay = machine.DiskPath($"{disk}.{name}"), opened = $"mt-{MomentIds.New()}", newTip = MomentIds.New();
            Tool.Run("qemu-img", "bitmap", "--disable", "-f", "qcow2", active.Path, tip.Recording);
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", active.Path, "-F", "qcow2", overlay);
            Tool.Run("qemu-img", "bitmap", "--add", "-f", "qcow2", "-g", "65536", overlay, opened);
            Tool.Run("qemu-img", "bitmap", "--add", "--disable", "-f", "qcow2", "-g", TrackingProof.BareMarkGranularity.ToString(CultureInfo.InvariantCulture), overlay, TrackingTip.MarkerPrefix + newTip);
            LayerFacts frozen = (await LayerReading.ChainAsync(active.Path, "qcow2", CancellationToken.None))[0].Facts!;
            next = next.With(tracking.Freeze(
                key, active with { Facts = frozen }, new TrackingLayer(MomentIds.New(), overlay, null, Facts: OverlayFile.FactsOf(overlay, active.Path, "qcow2")) { Made = true },
                TestMachine.DiskSize, tracking.Points[tip.PointId].Sources, opened, "unused", newTip));
            domain = domain.WithDiskSource(disk, overlay, "qcow2");
        }

        using Journal journal = scope.Begin("moment-change", [], next);
        scope.Commit(journal, next, ("domain.xml", domain.ToXml(secure: true)));
    }

    public async Task ForkAsync(string from, string branch)
    {
        using ChangeScope scope = await OpenAsync();
        var key = new MomentKey(MomentKind.Snapshot, from);
        var starts = machine.Disks.Select(disk => scope.State.Disk(disk)).Select(disk => (disk.Disk, disk.PointOf(key)!.Id, disk.LayerOf(disk.PointOf(key)!.Id))).ToList();
        using Journal journal = scope.Begin("moment-change", [], scope.State);
        DomainMoments next = await ForkedTips.MakeAsync(scope, journal, scope.State.With(new Branch(branch) { Start = key }), branch, starts, ForkedTips.Plan(scope, starts, branch), CancellationToken.None);
        scope.Commit(journal, next);
    }

    public async Task SwitchAsync(string branch, SwitchOptions? options = null)
    {
        using ChangeScope scope = await OpenAsync();
        await BranchSwitch.RunAsync(scope, $"switch to '{branch}'", scope.State, branch, options ?? new SwitchOptions(), machine.Report, CancellationToken.None);
    }

    /// <summary>Reads or writes what the machine has now, by qemu-io; a pattern that is not there fails.</summary>
    public async Task IoAsync(string disk, string command)
    {
        string path = _context.Catalogue.Load(_context.Catalogue.Place(TestMachine.Name)).FindDisk(disk)!.SourcePath!;
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
        {
            Assert.DoesNotContain("verification failed", Tool.Run("qemu-io", "-f", "qcow2", "-c", command, path), StringComparison.Ordinal);
            return;
        }

        if (command.StartsWith("read", StringComparison.Ordinal))
        {
            Assert.DoesNotContain("verification failed", Tool.Run("qemu-io", "-U", "-r", "-f", "qcow2", "-c", command, path), StringComparison.Ordinal);
            JsonElement device = (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-block", null, CancellationToken.None)).EnumerateArray().First(one => one.GetProperty("qdev").GetString()!.Contains($"/mt-{disk}/", StringComparison.Ordinal));
            Assert.Equal(path, device.GetProperty("inserted").GetProperty("file").GetString());
            return;
        }

        await machine.IoAsync(disk, command);
    }

    /// <summary>The node that a disk's device has, by the answer to query-block.</summary>
    public static string NodeOf(JsonElement devices, string disk) =>
        devices.EnumerateArray().First(one => one.GetProperty("qdev").GetString()!.Contains($"/mt-{disk}/", StringComparison.Ordinal)).GetProperty("inserted").GetProperty("node-name").GetString()!;
}
