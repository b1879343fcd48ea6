using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

/// <summary>Against a QEMU that runs as ours do, and one NBD server in it, ours or not.</summary>
public sealed class PrivateServerTests
{
    private const string Node = "mt-vda";

    [SkippableFact]
    public async Task ItIsStartedFoundAgainAndStoppedByTheLast()
    {
        await using MachineSample sample = await RunningAsync();
        await using QmpClient qmp = await ConnectAsync(sample);
        string directory = sample.Place.RuntimeDirectory;
        NbdAddress address = await PrivateServer.AddExportAsync(qmp, directory, null, "mt-e-1-0", Node, "vda", [], writable: false, CancellationToken.None);
        Assert.StartsWith(directory + "/mt-nbd-", Assert.IsType<UnixNbdAddress>(address).Path, StringComparison.Ordinal);
        Assert.Equal((address, true), await PrivateServer.EnsureAsync(qmp, directory, null, CancellationToken.None));
        await PrivateServer.StopIfLastAsync(qmp, directory, CancellationToken.None);
        Assert.Equal("vda", Assert.Single(await NbdClient.ListAsync(address, CancellationToken.None)).Name);
        await qmp.BlockExportDelAsync("mt-e-1-0", hard: true, CancellationToken.None);
        await PrivateServer.StopIfLastAsync(qmp, directory, CancellationToken.None);
        Assert.DoesNotContain(sample.Left(), name => name.StartsWith("mt-nbd-", StringComparison.Ordinal));
        // Again, with nothing to stop.
        await PrivateServer.StopIfLastAsync(qmp, directory, CancellationToken.None);
    }

    [SkippableTheory]
    [InlineData("unix")]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("::1")]
    [InlineData("::")]
    public async Task AForeignOneIsSharedAndNeverStopped(string host)
    {
        await using MachineSample sample = await RunningAsync();
        await using QmpClient qmp = await ConnectAsync(sample);
        NbdAddress foreign = await StartForeignAsync(qmp, sample, host);
        (NbdAddress found, bool ours) = await PrivateServer.EnsureAsync(qmp, sample.Place.RuntimeDirectory, null, CancellationToken.None);
        Assert.False(ours);
        if (host == "unix")
            Assert.Equal(foreign, found);
        await using (BlockSession session = await sample.OpenAsync(BlockAccess.Read, "vda"))
        {
            await using SessionExports exports = session.OpenExports(CancellationToken.None);
            await using NbdClient client = await exports.ConnectAsync(Node, [], [], CancellationToken.None);
            byte[] data = new byte[512];
            await client.ReadAsync(0, data, CancellationToken.None);
            Assert.True(data.All(one => one == 7));
        }

        Assert.Empty(await qmp.QueryBlockExportsAsync(CancellationToken.None));
        await PrivateServer.StopIfLastAsync(qmp, sample.Place.RuntimeDirectory, CancellationToken.None);
        Assert.Empty(await NbdClient.ListAsync(foreign, CancellationToken.None));
        // Nobody took the machine's monitors for a server, and the second is free.
        await using QmpClient second = await QmpClient.ConnectAsync(new UnixQmpAddress(sample.Place.SecondMonitorPath), CancellationToken.None);
    }

    [SkippableFact]
    public async Task AForeignOneWithTlsIsAnError()
    {
        await using MachineSample sample = await RunningAsync();
        await using QmpClient qmp = await ConnectAsync(sample);
        Directory.CreateDirectory(sample.Scratch["psk"]);
        await File.WriteAllTextAsync(sample.Scratch["psk/keys.psk"], "user:00112233445566778899aabbccddeeff\n");
        await qmp.ExecuteAsync(
            "object-add", new JsonObject { ["qom-type"] = "tls-creds-psk", ["id"] = "tls", ["endpoint"] = "server", ["dir"] = sample.Scratch["psk"] }, CancellationToken.None);
        await qmp.NbdServerStartUnixAsync(sample.Scratch["foreign"], "tls", CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(
            MachineErrors.NbdServerForeign, () => PrivateServer.EnsureAsync(qmp, sample.Place.RuntimeDirectory, null, CancellationToken.None));
        Assert.Contains("TLS", failure.Message, StringComparison.Ordinal);
        Assert.Contains(sample.Scratch["foreign"], failure.Message, StringComparison.Ordinal);
        await using BlockSession session = await sample.OpenAsync(BlockAccess.Read, "vda");
        await using (SessionExports exports = session.OpenExports(CancellationToken.None))
            await Expect.FailsAsync(MachineErrors.NbdServerForeign, () => exports.ConnectAsync(Node, [], [], CancellationToken.None));
        // What was begun on it is gone, and it goes on.
        Assert.Empty(await qmp.QueryBlockExportsAsync(CancellationToken.None));
        Assert.True(File.Exists(sample.Scratch["foreign"]));
    }

    [SkippableFact]
    public async Task TheSocketOfAnotherProcessIsNotTakenForOurs()
    {
        await using MachineSample sample = await RunningAsync();
        await using QmpClient qmp = await ConnectAsync(sample);
        string directory = sample.Place.RuntimeDirectory;
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(directory, "b1", CancellationToken.None);
        (NbdAddress backup, _) = await PrivateServer.EnsureAsync(daemon.Qmp, directory, null, CancellationToken.None);
        NbdAddress foreign = await StartForeignAsync(qmp, sample, "unix");
        Assert.Equal((foreign, false), await PrivateServer.EnsureAsync(qmp, directory, null, CancellationToken.None));
        Assert.Equal((backup, true), await PrivateServer.EnsureAsync(daemon.Qmp, directory, null, CancellationToken.None));
        // Nor where the machine's own process cannot be seen.
        Assert.Null(await PrivateServer.OwnAsync(qmp, directory, int.MaxValue, CancellationToken.None));
        // The machine's files go with it; the daemon's stay.
        HostProcess machine = MachineProbe.ProcessOf(sample.Place)!;
        machine.Signal(HostProcess.Kill);
        await machine.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        await File.WriteAllTextAsync(Path.Combine(directory, "mt-nbd-dead"), "");
        MachineFiles.Remove(sample.Place);
        Assert.False(File.Exists(Path.Combine(directory, "mt-nbd-dead")));
        Assert.Empty(await NbdClient.ListAsync(backup, CancellationToken.None));
        await PrivateServer.StopIfLastAsync(daemon.Qmp, directory, CancellationToken.None);
        Assert.False(File.Exists(((UnixNbdAddress)backup).Path));
        await daemon.EndAsync();
    }

    [SkippableFact]
    public async Task TheLineTellsItsProcess()
    {
        await using MachineSample sample = await RunningAsync();
        await using QmpClient qmp = await ConnectAsync(sample);
        Assert.Equal(MachineProbe.ProcessOf(sample.Place)!.Id, MonitorProcess.Of(qmp));
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(sample.Place.RuntimeDirectory, CancellationToken.None);
        Assert.Equal(daemon.ProcessId, MonitorProcess.Of(daemon.Qmp));
    }

    internal static int FreePort(IPAddress address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task<MachineSample> RunningAsync()
    {
        var sample = new MachineSample("vda");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", sample.Image("vda"));
        await new MachineLauncher(sample.Place, sample.Domain).StartAsync(paused: true, check: null, CancellationToken.None);
        return sample;
    }

    private static Task<QmpClient> ConnectAsync(MachineSample sample) => QmpClient.ConnectAsync(new UnixQmpAddress(sample.Place.MonitorPath), CancellationToken.None);

    private static async Task<NbdAddress> StartForeignAsync(QmpClient qmp, MachineSample sample, string host)
    {
        if (host == "unix")
        {
            await qmp.NbdServerStartUnixAsync(sample.Scratch["foreign"], null, CancellationToken.None);
            return new UnixNbdAddress(sample.Scratch["foreign"]);
        }

        var ip = IPAddress.Parse(host);
        Skip.If(ip.AddressFamily == AddressFamily.InterNetworkV6 && !Socket.OSSupportsIPv6, "this host has no IPv6");
        int port = FreePort(ip);
        await qmp.NbdServerStartAsync("inet", new JsonObject { ["host"] = host, ["port"] = port.ToString(CultureInfo.InvariantCulture) }, null, null, CancellationToken.None);
        return new TcpNbdAddress(ip.AddressFamily == AddressFamily.InterNetwork ? "127.0.0.1" : "::1", port);
    }
}
