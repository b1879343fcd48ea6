using System.Net;
using System.Net.Sockets;
using System.Text;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

/// <summary>Relays of a real source, read by clients that nobody here wrote.</summary>
public sealed class RelayTests
{
    private const string Context = "qemu:dirty-bitmap:mt-ctx";

    [SkippableTheory]
    [InlineData("unix")]
    [InlineData("tcp://127.0.0.1:0")]
    [InlineData("tcp://[::1]:0")]
    [InlineData("tcp://localhost:0")]
    public async Task ItShowsWhatTheSourceShows(string address)
    {
        Tool.Require("nbdinfo", "nbdcopy");
        Skip.If(address.Contains("::", StringComparison.Ordinal) && !Socket.OSSupportsIPv6, "this host has no IPv6");
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(address == "unix" ? source["here"] : address, source.Export(0, "vda"), source.Export(1, "plain", dirty: false));
        await using ServingDaemon relay = daemon;
        string uri = bound.ToUri("vda"), inner = source.Address.ToUri("inner");
        Assert.Equal(RelaySource.Map(inner, "base:allocation"), RelaySource.Map(uri, "base:allocation"));
        Assert.Equal(RelaySource.Dirty.ToArray(), RelaySource.Map(uri, Context).Where(run => run.Type == 1).Select(run => new Extent(run.Offset, run.Length)));
        Tool.Run("nbdcopy", inner, source["1"]);
        Tool.Run("nbdcopy", uri, source["2"]);
        Assert.True(AreSame(source["1"], source["2"]));
        Assert.Equal(["plain", "vda"], (await NbdClient.ListAsync(bound, CancellationToken.None)).Select(export => export.Name).Order(StringComparer.Ordinal));
        await Relay.EndAsync(relay.Process, bound, CancellationToken.None);
        Assert.False(ServingDaemon.IsAlive(relay.Process));
        Assert.False(File.Exists(source["here"]));
        // The source goes on.
        await NbdClient.ListAsync(source.Address, CancellationToken.None);
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("é€𝄞 /?#%&;'\"\\")]
    [InlineData("line\nbreak\ttab")]
    [InlineData("long")]
    public async Task NamesAreServedAsTheyAre(string name)
    {
        Tool.Require("nbdinfo");
        name = name == "long" ? new string('€', 1365) + "x" : name;
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(source["here"], source.Export(0, name));
        await using ServingDaemon relay = daemon;
        Assert.Equal(name, Assert.Single(await NbdClient.ListAsync(bound, CancellationToken.None)).Name);
        Assert.Equal(Tool.Run("nbdinfo", "--size", source.Address.ToUri("inner")), Tool.Run("nbdinfo", "--size", bound.ToUri(name)));
        await relay.EndAsync();
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("surrogate")]
    [InlineData("long")]
    public async Task NamesThatQemuWouldBendAreRefused(string name) =>
        await Expect.FailsAsync(ServingDaemonErrors.ExportNameInvalid, () => NowhereAsync(name switch
        {
            "long" => new string('€', 1365) + "xy",
            "surrogate" => new string('\ud800', 1),
            _ => name,
        }));

    [Fact]
    public async Task TwoOfOneNameAreRefused() => await Expect.FailsAsync(ServingDaemonErrors.ExportNameTaken, () => NowhereAsync("a", "b", "a"));

    [SkippableFact]
    public async Task ExportsComeAndGoOnARelayThatRuns()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync("tcp://127.0.0.1:0", source.Export(0, "vda"));
        await using ServingDaemon relay = daemon;
        await using NbdClient reader = await NbdClient.ConnectAsync(bound, "vda", [Context], CancellationToken.None);
        await Relay.AddAsync(relay, [source.Export(1, "vdb"), source.Export(2, "vdc", dirty: false)], CancellationToken.None);
        await using (NbdClient second = await NbdClient.ConnectAsync(bound, "vdb", [Context], CancellationToken.None))
            Assert.Equal(RelaySource.Dirty.ToArray(), (await second.ReadDirtyBitmapAsync(Context, CancellationToken.None)).ToArray());

        // All or none: the second of these has a name that is taken.
        await Expect.FailsAsync(ServingDaemonErrors.ExportNameTaken, () => Relay.AddAsync(relay, [source.Export(3, "vdd"), source.Export(4, "vda")], CancellationToken.None));
        await Expect.FailsAsync(
            ServingDaemonErrors.ExportSourceUnreachable, () => Relay.AddAsync(relay, [source.Export(3, "vdd") with { InnerName = "none" }], CancellationToken.None));
        Assert.Equal(3, (await relay.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Count(node => node.Driver == "nbd"));

        await Relay.RemoveAsync(relay, ["mt-e-0123456789ab-1", "mt-e-0123456789ab-2", "mt-e-0123456789ab-9"], CancellationToken.None);
        Assert.Equal("vda", Assert.Single(await NbdClient.ListAsync(bound, CancellationToken.None)).Name);
        // Who reads another export has noticed nothing.
        await reader.ReadAsync(1 << 20, new byte[4096], CancellationToken.None);
        await relay.EndAsync();
    }

    [SkippableFact]
    public async Task WhatIsWrittenIsInTheSource()
    {
        Tool.Require("qemu-io");
        await using RelaySource source = await RelaySource.StartAsync(writable: true);
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync("tcp://127.0.0.1:0", source.Export(0, "vda", dirty: false, writable: true));
        await using ServingDaemon relay = daemon;
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 3 40M 128k", "-c", "flush", bound.ToUri("vda"));
        byte[] data = new byte[128 << 10];
        await using NbdClient inner = await NbdClient.ConnectAsync(source.Address, "inner", [], CancellationToken.None);
        await inner.ReadAsync(40 << 20, data, CancellationToken.None);
        Assert.True(data.All(one => one == 3));
        await relay.EndAsync();
    }

    [SkippableFact]
    public async Task WritableOverASourceThatIsNotIsRefused()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        await Expect.FailsAsync(ServingDaemonErrors.ExportSourceUnreachable, () => source.RelayAsync("tcp://127.0.0.1:0", source.Export(0, "vda", writable: true)));
        AssertNoRelay(source);
    }

    [SkippableFact]
    public async Task WithTheSourceGoneReadsFail()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync("tcp://127.0.0.1:0", source.Export(0, "vda"));
        await using ServingDaemon relay = daemon;
        await using NbdClient client = await NbdClient.ConnectAsync(bound, "vda", [], CancellationToken.None);
        byte[] data = new byte[4096];
        await client.ReadAsync(1 << 20, data, CancellationToken.None);
        HostProcess.Find(source.Daemon.Process.ProcessId)!.Signal(HostProcess.Kill);
        // QEMU answers with an error, or hangs up where the answer had begun.
        Assert.True(await FailsToReadAsync(client));
        await using NbdClient again = await NbdClient.ConnectAsync(bound, "vda", [], CancellationToken.None);
        Assert.True(await FailsToReadAsync(again));
        Assert.True(ServingDaemon.IsAlive(relay.Process));
        await relay.EndAsync();
    }

    [SkippableFact]
    public async Task OneThatWasKilledIsSeenToBeDeadAndLeavesNothing()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(source["here"], source.Export(0, "vda"));
        await using ServingDaemon relay = daemon;
        HostProcess process = HostProcess.Find(relay.Process.ProcessId)!;
        process.Signal(HostProcess.Kill);
        await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.False(ServingDaemon.IsAlive(relay.Process));
        Assert.True(File.Exists(source["here"]));
        await Relay.EndAsync(relay.Process, bound, CancellationToken.None);
        Assert.False(File.Exists(source["here"]));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(source.Place.RuntimeDirectory), path => path.Contains("relay", StringComparison.Ordinal));
        await NbdClient.ListAsync(source.Address, CancellationToken.None);
        // The path is another's now, and stays.
        await File.WriteAllTextAsync(source["here"], "theirs");
        await Relay.EndAsync(relay.Process, bound, CancellationToken.None);
        Assert.Equal("theirs", await File.ReadAllTextAsync(source["here"]));
    }

    [SkippableFact]
    public async Task APortThatIsTakenIsRefusedAndItsHolderNamed()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        MomentException failure = await Expect.FailsAsync(ServingDaemonErrors.ExportAddressTaken, () => source.RelayAsync($"tcp://127.0.0.1:{port}", source.Export(0, "vda")));
        Assert.Contains($"(process {Environment.ProcessId})", failure.Message, StringComparison.Ordinal);
        AssertNoRelay(source);
    }

    [SkippableTheory]
    [InlineData("tcp://192.0.2.1:10809")]
    [InlineData("tcp://192.0.2.1:0")]
    [InlineData("tcp://nosuch.invalid:0")]
    [InlineData("tcp://nosuch.invalid:10809")]
    [InlineData("/nonexistent/there")]
    public async Task AnAddressThatIsNoneOfThisHostIsRefused(string address)
    {
        await using RelaySource source = await RelaySource.StartAsync();
        await Expect.FailsAsync(ServingDaemonErrors.ExportAddressUnusable, () => source.RelayAsync(address, source.Export(0, "vda")));
        AssertNoRelay(source);
    }

    [SkippableTheory]
    [InlineData("file")]
    [InlineData("directory")]
    [InlineData("dangling")]
    [InlineData("socket")]
    public async Task WhatIsThereIsNeverOverwritten(string kind)
    {
        await using RelaySource source = await RelaySource.StartAsync();
        string path = source["here"];
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        if (kind == "file")
            await File.WriteAllTextAsync(path, "theirs");
        else if (kind == "directory")
            Directory.CreateDirectory(path);
        else if (kind == "dangling")
            File.CreateSymbolicLink(path, source["none"]);
        else
            socket.Bind(new UnixDomainSocketEndPoint(path));
        FileAttributes before = File.GetAttributes(path);
        await Expect.FailsAsync(ServingDaemonErrors.ExportSocketExists, () => source.RelayAsync(path, source.Export(0, "vda")));
        Assert.Equal(before, File.GetAttributes(path));
        AssertNoRelay(source);
    }

    [SkippableFact]
    public async Task HostileClientsDoNotHurtTheSource()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync("tcp://127.0.0.1:0", source.Export(0, "vda"));
        await using ServingDaemon relay = daemon;
        var random = new Random(5);
        // Nothing, another protocol, flags alone; NBD_OPT_GO of 4 GiB; NBD_OPT_EXPORT_NAME, and noise in the place of requests.
        byte[][] openings = [.. ((string[])["", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\x3", "\0\0\0\x1IHAVEOPT\0\0\0\x7\xff\xff\xff\xff", "\0\0\0\x1IHAVEOPT\0\0\0\x1\0\0\0\x3vda"]).Select(Encoding.Latin1.GetBytes)];
        for (int i = 0; i < 60; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            byte[] noise = new byte[random.Next(3000)];
            random.NextBytes(noise);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, ((TcpNbdAddress)bound).Port);
                await socket.SendAsync((byte[])[.. openings[i % openings.Length], .. noise]);
            }
            catch (SocketException)
            {
                // It has hung up, or ended already.
            }
        }

        // QEMU's server may not live through that (7.2 does not always): the relay is there so that the source does.
        Assert.True(ServingDaemon.IsAlive(source.Daemon.Process));
        await using NbdClient client = await NbdClient.ConnectAsync(source.Address, "inner", [], CancellationToken.None);
        byte[] data = new byte[4096];
        await client.ReadAsync(1 << 20, data, CancellationToken.None);
        Assert.True(data.All(one => one == 5));
        await relay.EndAsync();
    }

    [SkippableFact]
    public async Task NoMoreClientsThanAllowedAreServed()
    {
        await using RelaySource source = await RelaySource.StartAsync();
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(new RelayRequest(NbdAddress.Parse("tcp://127.0.0.1:0"), null, null, 1, [source.Export(0, "vda")]));
        await using ServingDaemon relay = daemon;
        var hasty = NbdOptions.Default with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) };
        await using (await NbdClient.ConnectAsync(bound, "vda", [], CancellationToken.None))
            await Expect.FailsAsync(NbdErrors.NbdHandshakeTimeout, () => NbdClient.ConnectAsync(bound, "vda", [], CancellationToken.None, hasty));
        await using NbdClient next = await NbdClient.ConnectAsync(bound, "vda", [], CancellationToken.None);
        await relay.EndAsync();
    }

    private static Task<(ServingDaemon Daemon, NbdAddress Bound)> NowhereAsync(params string[] names) => Relay.StartAsync(
        new DomainPlace("web", "/nonexistent/s", "/nonexistent/r"), "relay",
        new RelayRequest(new UnixNbdAddress("/nonexistent/x"), null, null, null, [.. names.Select((name, i) => new RelayExport($"e{i}", name, new UnixNbdAddress("/x"), "i", null, null, false))]), CancellationToken.None);

    private static async Task<bool> FailsToReadAsync(NbdClient client)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => client.ReadAsync(1 << 20, new byte[4096], CancellationToken.None).AsTask());
        return failure.ErrorId == NbdErrors.NbdReadFailed || failure.ErrorId == NbdErrors.NbdConnectionLost;
    }

    private static bool AreSame(string one, string other) => File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other));

    private static void AssertNoRelay(RelaySource source)
    {
        Assert.DoesNotContain(HostProcess.All(), process => process.CommandLine.Any(argument => argument.Contains(ServingDaemon.SocketOf(source.Place.RuntimeDirectory, "relay"), StringComparison.Ordinal)));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(source.Place.RuntimeDirectory), path => path.Contains("relay", StringComparison.Ordinal) || path.Contains("mt-ctx", StringComparison.Ordinal));
        Assert.True(ServingDaemon.IsAlive(source.Daemon.Process));
    }
}
