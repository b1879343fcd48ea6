using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Many addresses, names, clients, servers of others, and documents: row E4.</summary>
public sealed class ExportAddressesTests
{
    private static readonly StartBlockExportRequest Vda = new() { Disks = ["vda"], Snapshot = "now" };

    [SkippableFact]
    public async Task SeveralAddressesServeAtOnceAndEachEndsForItself()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true, null, "vda", "vdb");
        await machine.WriteAsync(5);
        await machine.WriteAsync(5, "vdb");
        await machine.BlockSnapshotAsync("now");
        string before = await machine.TracesAsync();
        var all = new StartBlockExportRequest { Snapshot = "now" };
        IReadOnlyList<VMBlockExport> direct = await machine.StartAsync(all);
        IReadOnlyList<VMBlockExport> tcp = await machine.StartAsync(all with { Address = "tcp://127.0.0.1:0" });
        IReadOnlyList<VMBlockExport> unix = await machine.StartAsync(all with { Address = $"unix://{machine.Machine.Scratch}/a b" });
        VMBlockExport added = await machine.StartOneAsync(Vda with { Address = tcp[0].ListenAddress, ExportNames = Names("a name ü") });
        Assert.Equal(7, (await machine.ExportsAsync()).Count);
        foreach (VMBlockExport export in (VMBlockExport[])[.. direct, .. tcp, .. unix, added])
            Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes(export.Disk)), export.Uri.ToString());
        Assert.All(await machine.ExportsAsync(), export => Assert.Equal((VMServiceState.Ready, 0), (export.State, export.Clients)));
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, await FailsAsync(() => machine.StartAsync(Vda with { Address = tcp[0].ListenAddress })));
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, await FailsAsync(() => machine.StartAsync(Vda)));

        Assert.Equal(2, (await machine.StopAsync(new StopBlockExportRequest { Address = unix[0].ListenAddress })).Count);
        Assert.Equal("a name ü", Assert.Single(await machine.StopAsync(new StopBlockExportRequest { ExportNames = ["a name ü"] })).ExportName);
        Assert.Equal(2, (await machine.StopAsync(new StopBlockExportRequest { Disks = ["vdb"] })).Count);
        foreach (VMBlockExport export in (VMBlockExport[])[direct[0], tcp[0]])
            Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", tcp[1].Uri.ToString()).Exit);
        Assert.Equal(2, (await machine.StopAsync()).Count);
        Assert.Equal(before, await machine.TracesAsync());
    }

    [SkippableFact]
    public async Task APortInUseAndAFileInTheWayAreRefusedBeforeAnythingIsMade()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(2);
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        int port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;
        string before = await machine.TracesAsync(), disk = machine.Machine.DiskPath("vda");
        Assert.Equal(ServingDaemonErrors.ExportAddressTaken, await FailsAsync(() => machine.StartAsync(new StartBlockExportRequest { Address = $"tcp://127.0.0.1:{port}" })));
        Assert.Equal(ServingDaemonErrors.ExportSocketExists, await FailsAsync(() => machine.StartAsync(new StartBlockExportRequest { Address = $"unix://{disk}" })));
        Assert.Equal(ExportErrors.ExportUnencrypted, await FailsAsync(() => machine.StartAsync(new StartBlockExportRequest { Address = "tcp://0.0.0.0:0" })));
        Assert.Equal(ServingDaemonErrors.TlsCredentialsMissing, await FailsAsync(() => machine.StartAsync(new StartBlockExportRequest { TlsX509 = machine.Machine.Scratch })));
        Assert.Equal(before, await machine.TracesAsync());
        Assert.True(machine.Machine.Content(disk).AsSpan().SequenceEqual(machine.Bytes()));
    }

    [SkippableTheory]
    [InlineData("tcp://0.0.0.0:0")]
    [InlineData("tcp://:0")]
    public async Task TheUriOfAWildcardIsReached(string address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(2);
        VMBlockExport export = await machine.StartOneAsync(new StartBlockExportRequest { Address = address, AllowUnencrypted = true });
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        await machine.StopAsync();
    }

    [SkippableFact]
    public async Task WithKeysOnlyWhoHasOneReads()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("first");
        HashSet<long> written = await machine.WriteAsync(5);
        string keys = Directory.CreateDirectory(Path.Combine(machine.Machine.Scratch, "keys")).FullName, file = Path.Combine(keys, "keys.psk");
        await File.WriteAllTextAsync(file, "alice:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
        VMBlockExport tcp = await machine.StartOneAsync(new StartBlockExportRequest { Since = "first", Address = "tcp://127.0.0.1:0", TlsPsk = keys });
        VMBlockExport unix = await machine.StartOneAsync(new StartBlockExportRequest { TlsPsk = keys });
        Assert.StartsWith("nbds://127.0.0.1:", tcp.Uri.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("nbds+unix:///vda?socket=", unix.Uri.ToString(), StringComparison.Ordinal);
        Assert.True(tcp.Tls);
        string withKey = tcp.Uri.ToString().Replace("://", "://alice@", StringComparison.Ordinal) + $"?tls-psk-file={file}";
        Assert.True(machine.Read(withKey).AsSpan().SequenceEqual(machine.Bytes()));
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(withKey, tcp.Context!).Order());
        Assert.True(machine.Read(unix.Uri.ToString().Replace(":///", "://alice@/", StringComparison.Ordinal) + $"&tls-psk-file={file}").AsSpan().SequenceEqual(machine.Bytes()));
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", tcp.Uri.ToString().Replace("nbds:", "nbd:", StringComparison.Ordinal)).Exit);
        await machine.StopAsync();
        Assert.Empty(machine.Daemons());
    }

    [SkippableTheory]
    [InlineData(null)]
    [InlineData("tcp://127.0.0.1:0")]
    public async Task ClientsAreCountedAndNoMoreThanAllowed(string? address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.BlockSnapshotAsync("now");
        VMBlockExport export = await machine.StartOneAsync(Vda with { Address = address, MaxConnections = address is null ? null : 1 });
        // A relay beside it is no client of the user's.
        VMBlockExport other = await machine.StartOneAsync(Vda with { Address = "tcp://127.0.0.1:0", ExportNames = Names("other") });
        using (Process client = Stay(export.Uri))
        {
            Assert.Equal([(export.ListenAddress, 1), (other.ListenAddress, 0)], (await machine.ExportsAsync()).Select(one => (one.ListenAddress, one.Clients)));
            if (address is not null)
                Assert.NotEqual(0, Tool.TryRun("timeout", "2", "nbdinfo", export.Uri.ToString()).Exit);
            // Its clients do not keep an export from being stopped.
            await machine.StopAsync();
            client.Kill();
        }

        Assert.Empty(await machine.ExportsAsync());
    }

    [SkippableFact]
    public async Task TheServerOfAnotherProgramIsSharedAndNeverStopped()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("first");
        HashSet<long> written = await machine.WriteAsync(5);
        string theirs = Path.Combine(machine.Machine.Scratch, "theirs");
        await QmpAsync("nbd-server-start", new { addr = new { type = "unix", data = new { path = theirs } } });
        await QmpAsync("block-export-add", new Dictionary<string, object>(StringComparer.Ordinal) { ["type"] = "nbd", ["id"] = "foreign", ["node-name"] = "mt-vda", ["name"] = "vda" });
        string before = await machine.TracesAsync();
        Assert.Equal(ServingDaemonErrors.ExportNameTaken, await FailsAsync(() => machine.StartAsync(new StartBlockExportRequest { Since = "first" })));
        Assert.Equal(before, await machine.TracesAsync());
        VMBlockExport export = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "first", ExportNames = Names("ours") });
        Assert.Equal($"unix://{theirs}", export.ListenAddress);
        VMBlockExport passed = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "first", Address = "tcp://127.0.0.1:0" });
        foreach (VMBlockExport one in (VMBlockExport[])[export, passed])
        {
            Assert.Equal([.. written.Order()], ExportMachine.Dirty(one).Order());
            Assert.True(machine.Read(one.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        }

        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
        Tool.Run("nbdinfo", $"nbd+unix:///vda?socket={theirs}");

        Task QmpAsync(string command, object arguments) => machine.Engine.InvokeQmpAsync(TestMachine.Name, command, JsonSerializer.Serialize(arguments), CancellationToken.None);
    }

    [SkippableFact]
    public async Task ADocumentStopsAndStartsWhatItWasMadeOf()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true, null, "vda", "vdb");
        await machine.Machine.CheckpointAsync("first");
        await machine.WriteAsync(3);
        await machine.BlockSnapshotAsync("now");
        IReadOnlyList<VMBlockExport> exports = await machine.StartAsync(new StartBlockExportRequest { Snapshot = "now", Since = "first", Address = "tcp://127.0.0.1:0" });
        string xml = await machine.Engine.GetBlockExportXmlAsync(TestMachine.Name, null, machine.Machine.Report, CancellationToken.None);
        Assert.DoesNotContain("xmlns", xml, StringComparison.Ordinal);
        VMBlockExport beside = await machine.StartOneAsync(Vda);
        Assert.Equal(ExportErrors.BlockExportNotFound, await FailsAsync(() => machine.Engine.GetBlockExportXmlAsync(TestMachine.Name, null, machine.Machine.Report, CancellationToken.None)));
        Assert.Equal(2, (await machine.StopAsync(new StopBlockExportRequest { Xml = xml.Replace("'first'", "'whatever'", StringComparison.Ordinal).Replace("\"first\"", "\"whatever\"", StringComparison.Ordinal) })).Count);
        Assert.Equal(beside.Uri, Assert.Single(await machine.ExportsAsync()).Uri);
        IReadOnlyList<VMBlockExport> again = await machine.StartAsync(new StartBlockExportRequest { Xml = xml });
        Assert.Equal(exports.Select(export => (export.Uri, export.Context)), again.Select(export => (export.Uri, export.Context)));
        await machine.StopAsync();
    }

    [SkippableFact]
    public async Task ALeaseAndASessionEndIt()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("any");
        string before = await machine.TracesAsync();
        VMBlockExport leased = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Lease = TimeSpan.FromSeconds(10) });
        Assert.NotNull(leased.Expires);
        VMBlockExport owned = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], OwnedBySession = true, Address = "tcp://127.0.0.1:0" });
        Assert.Equal((VMServiceOwner.Machine, VMServiceOwner.Session), (leased.Owner, owned.Owner));
        await ServingTimes.PassAsync(leased.Expires);
        Assert.Equal(VMServiceState.Expired, (await machine.ExportsAsync()).Single(export => export.Id == leased.Id).State);
        await machine.ChangeAsync("any");
        Assert.Equal(owned.Id, Assert.Single(await machine.ExportsAsync()).Id);
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
    }

    private static Process Stay(Uri uri)
    {
        // It reads one byte, says so, and stays.
        var start = new ProcessStartInfo("/usr/bin/python3", ["-c", string.Create(CultureInfo.InvariantCulture, $"import nbd,time\nh=nbd.NBD()\nh.connect_uri('{uri}')\nh.pread(512,0)\nprint('in',flush=True)\ntime.sleep(60)")]) { UseShellExecute = false, RedirectStandardOutput = true };
        Process client = Process.Start(start)!;
        Skip.If(client.StandardOutput.ReadLine() != "in", "libnbd's Python module is not installed");
        return client;
    }

    private static Dictionary<string, string> Names(string name) => new(StringComparer.Ordinal) { ["vda"] = name };

    private static async Task<ErrorId> FailsAsync(Func<Task> action) => (await Assert.ThrowsAsync<MomentException>(action)).ErrorId;
}
