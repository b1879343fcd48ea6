using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Who serves what, where, and what is refused: rows E4 to E6.</summary>
public sealed class BlockExportPlanTests
{
    private static readonly ServingProcess Daemon = new(1, 2, "/run/daemon"), Relay = new(3, 4, "/run/relay");

    private static readonly DomainDocument Domain = DomainDocument.Parse("""
        <domain type='qemu'><name>web1</name><uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11</uuid><memory unit='MiB'>64</memory><os><type>hvm</type></os>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d/vdb.raw'/><target dev='vdb' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d/vdc.qcow2'/><target dev='vdc' bus='virtio'/><readonly/></disk>
            <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
          </devices>
        </domain>
        """, "test");

    private static readonly ExportSurroundings Running = new(Domain, DomainMoments.Empty, Runs: true, [], [], null), Stopped = Running with { Runs = false };

    [Fact]
    public void ByDefaultAllDisksOfARunningMachineGoOverItsPrivateSocketFromABlockSnapshotMadeForThem()
    {
        BlockExportPlan plan = BlockExportPlan.Make(Running, new StartBlockExportRequest());
        Assert.Equal(ExportSource.Machine, plan.Source);
        Assert.True(plan.Private);
        Assert.Equal(["vda", "vdb"], plan.Disks.Select(disk => disk.ExportName));
        Assert.Equal(["vda", "vdb"], plan.Unseen);
        Assert.Equal(["vda", "vdb", "vdc"], BlockExportPlan.Make(Stopped, new StartBlockExportRequest()).Disks.Select(disk => disk.Disk));
    }

    [Fact]
    public void ABlockSnapshotsExportBearsItsName()
    {
        BlockExportPlan plan = BlockExportPlan.Make(Running with { Snapshots = [Snapshot("tonight", null, "vda")] }, new StartBlockExportRequest { Snapshot = "tonight" });
        Assert.Equal(["vda-tonight"], plan.Disks.Select(disk => disk.ExportName));
        Assert.Empty(plan.Unseen);
    }

    [Fact]
    public void AStoppedMachinesBlockSnapshotIsServedByItsDaemonAndItsDisksByOneOfTheirOwn()
    {
        ExportSurroundings known = Stopped with { Snapshots = [Snapshot("cold", Daemon, "vda")] };
        Assert.Equal((ExportSource.SnapshotDaemon, Daemon), Source(BlockExportPlan.Make(known, new StartBlockExportRequest { Snapshot = "cold" })));
        Assert.Equal((ExportSource.Images, null), Source(BlockExportPlan.Make(known, new StartBlockExportRequest { Disks = ["vda"] })));
        Assert.Equal(ExportErrors.ExportSourceGone, Refusal(Running with { Snapshots = known.Snapshots }, new StartBlockExportRequest { Snapshot = "cold" }));
        Assert.Equal(ExportErrors.ExportSourceGone, Refusal(Stopped with { Snapshots = [Snapshot("hot", null, "vda")] }, new StartBlockExportRequest { Snapshot = "hot" }));
    }

    [Theory]
    [InlineData("tcp://127.0.0.1:0", null, null)]
    [InlineData("unix:///tmp/x", null, null)]
    [InlineData(null, "/keys", null)]
    [InlineData(null, null, 3)]
    public void EveryOtherAddressHasARelay(string? address, string? keys, int? clients)
    {
        BlockExportPlan plan = BlockExportPlan.Make(Running, new StartBlockExportRequest { Address = address, TlsPsk = keys, MaxConnections = clients });
        Assert.False(plan.Private);
        Assert.Null(plan.Joined);
        Assert.Equal(address, plan.Address?.ToString());
    }

    [Fact]
    public void WhatIsServedAtAnAddressIsAddedToItsRelay()
    {
        BlockExportRecord there = Export("tcp://127.0.0.1:7", "vda", tls: "psk");
        ExportSurroundings known = Running with { Exports = [there] };
        Assert.Same(there, BlockExportPlan.Make(known, new StartBlockExportRequest { Address = "nbd://127.0.0.1:7", Disks = ["vdb"] }).Joined);
        Assert.Same(there, BlockExportPlan.Make(known, new StartBlockExportRequest { Address = "nbd://127.0.0.1:7", Disks = ["vdb"], TlsPsk = "/keys" }).Joined);
        Assert.Equal(ExportErrors.ExportServerDiffers, Refusal(known, new StartBlockExportRequest { Address = "tcp://127.0.0.1:7", Disks = ["vdb"], TlsX509 = "/keys" }));
        Assert.Equal(ExportErrors.ExportServerDiffers, Refusal(known, new StartBlockExportRequest { Address = "tcp://127.0.0.1:7", Disks = ["vdb"], MaxConnections = 3 }));
    }

    [Fact]
    public void OneNameIsNotGivenTwiceAtOneAddress()
    {
        ExportSurroundings known = Running with { Exports = [Export("tcp://127.0.0.1:7", "vda"), Export("unix:///run/private", "vda", isPrivate: true), Export("unix:///run/other", "vdb", isPrivate: true, source: Daemon)] };
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, Refusal(known, new StartBlockExportRequest { Address = "tcp://127.0.0.1:7", Disks = ["vda"] }));
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, Refusal(known, new StartBlockExportRequest { Disks = ["vda"] }));
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, Refusal(Running, new StartBlockExportRequest { Disks = ["vda", "vdb"], ExportNames = Names(("vda", "x"), ("vdb", "x")) }));
        Assert.True(BlockExportPlan.Make(known, new StartBlockExportRequest { Disks = ["vdb"] }).Private);
        Assert.False(BlockExportPlan.Make(known, new StartBlockExportRequest { Address = "tcp://127.0.0.1:8", Disks = ["vda"] }).Private);
        Assert.True(BlockExportPlan.Make(known, new StartBlockExportRequest { Address = "unix:///run/private", Disks = ["vdb"] }).Private);
        Assert.Equal(ExportErrors.ExportServerDiffers, Refusal(known, new StartBlockExportRequest { Address = "unix:///run/other", Disks = ["vda"] }));
    }

    [Theory]
    [InlineData("tcp://0.0.0.0:0")]
    [InlineData("tcp://[::]:0")]
    [InlineData("tcp://:0")]
    public void AnAddressThatEveryHostReachesNeedsTlsOrAWord(string address)
    {
        Assert.Equal(ExportErrors.ExportUnencrypted, Refusal(Running, new StartBlockExportRequest { Address = address }));
        Assert.False(BlockExportPlan.Make(Running, new StartBlockExportRequest { Address = address, AllowUnencrypted = true }).Private);
        Assert.False(BlockExportPlan.Make(Running, new StartBlockExportRequest { Address = address, TlsX509 = "/keys" }).Private);
    }

    [Fact]
    public void OnlyDisksOfAStoppedMachineThatNothingUsesAreWrittenTo()
    {
        var request = new StartBlockExportRequest { Writable = true, Disks = ["vda"] };
        Assert.True(BlockExportPlan.Make(Stopped, request).Writable);
        Assert.Equal(["vda", "vdb"], BlockExportPlan.Make(Stopped, request with { Disks = [] }).Disks.Select(disk => disk.Disk));
        Assert.Equal(ExportErrors.ExportWritableRefused, Refusal(Running, request));
        Assert.Equal(ExportErrors.ExportWritableRefused, Refusal(Stopped, request with { Disks = ["vdc"] }));
        Assert.Equal(ExportErrors.ExportWritableRefused, Refusal(Stopped with { Backup = ["vda"] }, request with { BackupId = "x" }));
        Assert.Equal(ExportErrors.ExportWritableRefused, Refusal(Stopped with { Snapshots = [Snapshot("cold", Daemon, "vda")] }, request with { Snapshot = "cold" }));
        Assert.Equal(RestoreErrors.DiskInUse, Refusal(Stopped with { Snapshots = [Snapshot("cold", Daemon, "vda")] }, request));
        Assert.Equal(RestoreErrors.DiskInUse, Refusal(Stopped with { Exports = [Export("unix:///x", "vda", source: Daemon)] }, request));
        Assert.Equal(RestoreErrors.DiskInUse, Refusal(Stopped with { Exports = [Export("unix:///x", "vda", source: Daemon) with { Writable = true }] }, new StartBlockExportRequest { Disks = ["vda"] }));
        Assert.Equal(ExportSource.Images, BlockExportPlan.Make(Stopped with { Exports = [Export("unix:///x", "vda", source: Daemon)] }, new StartBlockExportRequest { Disks = ["vda"] }).Source);
    }

    [Fact]
    public void WhatIsNotThereIsNamed()
    {
        Assert.Equal(XmlErrors.DiskNotInDomain, Refusal(Running, new StartBlockExportRequest { Disks = ["vdx"] }));
        Assert.Equal(XmlErrors.DiskNamedTwice, Refusal(Running, new StartBlockExportRequest { Disks = ["vda", "vda"] }));
        Assert.Equal(ServingErrors.BlockSnapshotNotFound, Refusal(Running, new StartBlockExportRequest { Snapshot = "x" }));
        Assert.Equal(ExportErrors.ExportDiskMissing, Refusal(Running with { Snapshots = [Snapshot("x", null, "vda")] }, new StartBlockExportRequest { Snapshot = "x", Disks = ["vdb"] }));
        Assert.Equal(ExportErrors.ExportDiskMissing, Refusal(Running, new StartBlockExportRequest { Disks = ["vda"], ExportNames = Names(("vdb", "x")) }));
        Assert.Equal(ServingDaemonErrors.ExportNameInvalid, Refusal(Running, new StartBlockExportRequest { Disks = ["vda"], ExportNames = Names(("vda", "")) }));
        Assert.Equal(NbdErrors.NbdAddressInvalid, Refusal(Running, new StartBlockExportRequest { Address = "http://x" }));
        Assert.Equal(ExportErrors.ExportRequestMixed, Refusal(Running, new StartBlockExportRequest { TlsPsk = "/x", TlsX509 = "/y" }));
        Assert.Equal(ExportErrors.ExportRequestMixed, Refusal(Running, new StartBlockExportRequest { MaxConnections = 0 }));
        Assert.Equal(ExportErrors.ExportDiskMissing, Refusal(Stopped with { Backup = ["vda"] }, new StartBlockExportRequest { BackupId = "y", Disks = ["vdb"] }));
    }

    [Fact]
    public void WhatARawImageChangesIsNotRecorded()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        ExportSurroundings known = Running with { State = disk.State };
        Assert.Equal("a", BlockExportPlan.Make(known, new StartBlockExportRequest { Disks = ["vda"], Since = "a" }).Disks[0].Since!.Name);
        MomentException refusal = Assert.Throws<MomentException>(() => BlockExportPlan.Make(known, new StartBlockExportRequest { Disks = ["vdb"], Since = "a" }));
        Assert.Equal(OperationErrors.DiskNotCovered, refusal.ErrorId);
        Assert.Contains("raw", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADocumentSaysItAllAndNothingBeside()
    {
        const string Xml = "<domainblockexport type='nbd'><address type='ip' host='127.0.0.1' port='7'/><disk name='/d/vda.qcow2' exportname='first'/><disk name='vdb' snapshot='x'/></domainblockexport>";
        ExportSurroundings known = Running with { Snapshots = [Snapshot("x", null, "vdb")] };
        BlockExportPlan plan = BlockExportPlan.Make(known, new StartBlockExportRequest { Xml = Xml });
        Assert.Equal(new TcpNbdAddress("127.0.0.1", 7), plan.Address);
        Assert.Equal([("vda", "first"), ("vdb", "vdb-x")], plan.Disks.Select(disk => (disk.Disk, disk.ExportName)));
        Assert.Equal(["vda"], plan.Unseen);
        Assert.Equal(ExportErrors.ExportRequestMixed, Refusal(known, new StartBlockExportRequest { Xml = Xml, Disks = ["vda"] }));
        Assert.Equal(ExportErrors.ExportRequestMixed, Refusal(known, new StartBlockExportRequest { Xml = Xml, XmlPath = "/x" }));
        Assert.Equal(ExportErrors.ExportTlsMissing, Refusal(known, new StartBlockExportRequest { Xml = Xml.Replace("port='7'", "port='7' tls='yes'", StringComparison.Ordinal) }));
    }

    private static (ExportSource, ServingProcess?) Source(BlockExportPlan plan) => (plan.Source, plan.Daemon);

    private static ErrorId Refusal(ExportSurroundings known, StartBlockExportRequest request) => Assert.Throws<MomentException>(() => BlockExportPlan.Make(known, request)).ErrorId;

    private static Dictionary<string, string> Names(params (string Disk, string Name)[] names) => names.ToDictionary(one => one.Disk, one => one.Name, StringComparer.Ordinal);

    private static BlockSnapshotRecord Snapshot(string name, ServingProcess? daemon, params string[] disks) => new(
        "0123456789ab", name, DateTimeOffset.UnixEpoch, ServiceOwner.From(false, null, DateTimeOffset.UtcNow), null, daemon,
        [.. disks.Select((disk, i) => new BlockSnapshotRecordDisk(disk, i, "mt-" + disk, null, BlockSnapshotRecordDisk.Image, 1 << 20, null, 0, 0, null, null, null, null, null))]);

    private static BlockExportRecord Export(string address, string disk, bool isPrivate = false, string? tls = null, ServingProcess? source = null) => new(
        "ba9876543210", DateTimeOffset.UnixEpoch, ServiceOwner.From(false, null, DateTimeOffset.UtcNow), address, isPrivate, false, tls, null, null, source, isPrivate ? null : Relay,
        [new BlockExportRecordDisk(disk, 0, disk, "mt-x", null, null, null, 1 << 20)]);
}
