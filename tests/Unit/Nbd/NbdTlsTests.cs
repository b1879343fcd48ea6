using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>TLS against the servers people run; what is not as it must be ends without a connection.</summary>
public sealed class NbdTlsTests : IDisposable
{
    private const int Size = 4 << 20;

    private readonly ScratchDirectory _scratch = new();
    private readonly TlsDirectory _authority = new();

    private NbdOptions Trusting => new() { Tls = new NbdTls(_authority.Client(_scratch["client"])) };

    public void Dispose()
    {
        _authority.Dispose();
        _scratch.Dispose();
    }

    [SkippableFact]
    public async Task BytesGoBothWaysThroughQemusTls()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]));
        await using NbdConnections client = await NbdConnections.ConnectAsync(server.Address, "", [NbdContext.BaseAllocation], 3, FakeServer.Limit(), Trusting);
        byte[] bytes = Bytes(Size);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(at => client.WriteAsync(at * Size / 16, bytes.AsMemory(at * Size / 16, Size / 16), FakeServer.Limit()).AsTask()));
        await client.FlushAsync(FakeServer.Limit());
        byte[] back = new byte[Size];
        await client.ReadAsync(0, back, FakeServer.Limit());
        Assert.True(bytes.AsSpan().SequenceEqual(back));
        byte[] stored = await File.ReadAllBytesAsync(_scratch["d"]);
        Assert.True(bytes.AsSpan().SequenceEqual(stored));
        Assert.Equal(Size, await client.StatusAsync(0, Size, FakeServer.Limit()).Select(status => status.Length).SumAsync());
    }

    [SkippableFact]
    public async Task NbdkitsTlsIsSpokenOverTcpToo()
    {
        Tool.Require("nbdkit");
        int port = RealServer.FreePort();
        using RealServer server = RealServer.NbdkitOnTcp(port, "--tls=require", "--tls-verify-peer", $"--tls-certificates={_authority.Server(_scratch["server"], "127.0.0.1")}", "pattern", "8M");
        NbdUri uri = NbdUri.Parse($"nbds://127.0.0.1:{port}/?tls-certificates={_authority.Client(_scratch["client"])}");
        await using NbdClient client = await NbdClient.ConnectAsync(uri, [], FakeServer.Limit());
        byte[] bytes = new byte[16];
        await client.ReadAsync(64, bytes, FakeServer.Limit());
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 72], bytes);
    }

    [SkippableFact]
    public async Task ExportsAreListedThroughTls()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]), "-x", "vdä");
        Assert.Equal("vdä", Assert.Single(await NbdClient.ListAsync(server.Address, FakeServer.Limit(), Trusting)).Name);
        Assert.Contains(NbdContext.BaseAllocation, await NbdClient.ListContextsAsync(server.Address, "vdä", FakeServer.Limit(), Trusting));
        await FailsAsync("NbdExportNotFound", () => NbdClient.ConnectAsync(server.Address, "vdb", [], FakeServer.Limit(), Trusting));
    }

    [SkippableFact]
    public async Task TheNamesOfUriAndOptionsAreWhatTheCertificateMustBear()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"], "disk.example"));
        MomentException refused = await FailsAsync("NbdTlsUntrusted", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), Trusting));
        Assert.Contains("'localhost': it does not bear that name", refused.Message, StringComparison.Ordinal);
        NbdUri uri = NbdUri.Parse(server.Address.ToUri("", encrypted: true) + "&tls-hostname=disk.example");
        await using NbdClient client = await NbdClient.ConnectAsync(uri, [], FakeServer.Limit(), Trusting);
        Assert.Equal(Size, client.Length);
    }

    [SkippableFact]
    public async Task ACertificateOfAnotherAuthorityIsNotTrusted()
    {
        using var other = new TlsDirectory("another authority");
        using RealServer server = QemuNbd(other.Server(_scratch["server"]));
        await FailsAsync("NbdTlsUntrusted", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), Trusting));
    }

    [SkippableFact]
    public async Task AnAuthorityOfTheSameNameIsAnother()
    {
        using var other = new TlsDirectory();
        using RealServer server = QemuNbd(other.Server(_scratch["server"]));
        await FailsAsync("NbdTlsUntrusted", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), Trusting));
    }

    [SkippableFact]
    public async Task AnExpiredCertificateIsNotTrusted()
    {
        Tool.Require("nbdkit");
        string socket = _scratch["n"];
        // QEMU would not start with it.
        using RealServer server = RealServer.Nbdkit(socket, "--tls=require", $"--tls-certificates={_authority.Server(_scratch["server"], daysLeft: -1)}", "pattern", "8M");
        MomentException refused = await FailsAsync("NbdTlsUntrusted", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), Trusting));
        Assert.Contains("expired", refused.Message, StringComparison.OrdinalIgnoreCase);
    }

    [SkippableFact]
    public async Task AClientsCertificateIsNotAServers()
    {
        Tool.Require("nbdkit");
        string directory = _authority.Client(_scratch["server"]);
        File.Move(Path.Combine(directory, "client-cert.pem"), Path.Combine(directory, "server-cert.pem"));
        File.Move(Path.Combine(directory, "client-key.pem"), Path.Combine(directory, "server-key.pem"));
        using RealServer server = RealServer.Nbdkit(_scratch["n"], "--tls=require", $"--tls-certificates={directory}", "pattern", "8M");
        NbdOptions named = new() { Tls = new NbdTls(_authority.Client(_scratch["client"])) { HostName = "client" } };
        await FailsAsync("NbdTlsUntrusted", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), named));
    }

    [SkippableTheory]
    [InlineData("none")]
    [InlineData("another authority's")]
    [InlineData("expired")]
    public async Task TheServerThatDoesNotAcceptTheClientIsNamed(string certificate)
    {
        using var other = new TlsDirectory("another authority");
        string directory = certificate switch
        {
            "none" => _authority.Authority(_scratch["client"]),
            "expired" => _authority.Client(_scratch["client"], daysLeft: -1),
            _ => other.Client(_scratch["client"]),
        };
        _authority.Authority(directory);
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]));
        await FailsAsync("NbdTlsFailed", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), new NbdOptions { Tls = new NbdTls(directory) }));
    }

    [SkippableFact]
    public async Task AServerWithoutTlsGetsNothingInTheClear()
    {
        Tool.Require("qemu-nbd");
        await File.WriteAllBytesAsync(_scratch["d"], new byte[Size]);
        using RealServer server = RealServer.QemuNbd(_scratch["n"], "-f", "raw", _scratch["d"]);
        await FailsAsync("NbdTlsNotOffered", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), Trusting));
        await FailsAsync("NbdTlsCredentialsInvalid", () => NbdClient.ConnectAsync(NbdUri.Parse(server.Address.ToUri("", encrypted: true)), [], FakeServer.Limit()));
    }

    [SkippableFact]
    public async Task AServerThatDemandsTlsIsNamed()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]));
        await FailsAsync("NbdTlsRequired", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit()));
        await FailsAsync("NbdTlsRequired", () => NbdClient.ListAsync(server.Address, FakeServer.Limit()));
    }

    [SkippableTheory]
    [InlineData("no ca-cert.pem")]
    [InlineData("no certificates in ca-cert.pem")]
    [InlineData("no client-key.pem")]
    [InlineData("no client-cert.pem")]
    [InlineData("another key")]
    [InlineData("a list of revoked certificates")]
    [InlineData("huge")]
    public async Task ADirectoryThatCannotBeUsedIsNamed(string what)
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]));
        string directory = _authority.Client(_scratch["client"]);
        string File(string name) => Path.Combine(directory, name);
        switch (what)
        {
            case "no ca-cert.pem":
                System.IO.File.Delete(File("ca-cert.pem"));
                break;
            case "no certificates in ca-cert.pem":
                System.IO.File.WriteAllText(File("ca-cert.pem"), "hello");
                break;
            case "no client-key.pem":
                System.IO.File.Delete(File("client-key.pem"));
                break;
            case "no client-cert.pem":
                System.IO.File.Delete(File("client-cert.pem"));
                break;
            case "another key":
                System.IO.File.Copy(Path.Combine(_authority.Client(_scratch["other"]), "client-key.pem"), File("client-key.pem"), overwrite: true);
                break;
            case "a list of revoked certificates":
                System.IO.File.WriteAllText(File("ca-crl.pem"), "");
                break;
            default:
                System.IO.File.WriteAllBytes(File("ca-cert.pem"), new byte[2 << 20]);
                break;
        }

        MomentException failure = await FailsAsync(
            "NbdTlsCredentialsInvalid", () => NbdClient.ConnectAsync(server.Address, "", [], FakeServer.Limit(), new NbdOptions { Tls = new NbdTls(directory) }));
        Assert.StartsWith(directory, failure.Target, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x80000001)]
    [InlineData(0x80000002)]
    [InlineData(0x80000003)]
    public async Task NoAnswerToStartTlsLeadsBackIntoTheClear(uint answer)
    {
        await using var server = new FakeServer();
        Task script = server.RunAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            Assert.Equal(5u, (await fake.ReadOptionAsync()).Option);
            await fake.SendAsync(Wire.OptionReply(5, answer, []));
            // Nothing follows: the client hangs up.
            await Assert.ThrowsAnyAsync<IOException>(() => fake.ReadAsync(1));
        });
        await FailsAsync("NbdTlsNotOffered", () => NbdClient.ConnectAsync(server.Address, "x", [], FakeServer.Limit(), Trusting));
        await script;
    }

    [Fact]
    public async Task WhatComesBeforeTlsIsNotTakenForWhatComesThroughIt()
    {
        await using var server = new FakeServer();
        Task script = server.RunAsync(async fake =>
        {
            await fake.SendAsync(Wire.Greeting());
            await fake.ReadAsync(4);
            await fake.ReadOptionAsync();
            await fake.SendAsync(Wire.OptionReply(5, 1, []).Raw(Wire.OptionReply(8, 1, []).ToArray()));
            await Assert.ThrowsAnyAsync<IOException>(() => fake.ReadAsync(1));
        });
        await FailsAsync("NbdProtocolViolation", () => NbdClient.ConnectAsync(server.Address, "x", [], FakeServer.Limit(), Trusting));
        await script;
    }

    [SkippableFact]
    public async Task AConnectionCutAtAnyByteOfTlsFailsByName()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]), "--shared=0");
        NbdOptions trusting = Trusting;
        await using var proxy = new CuttingProxy(_scratch["p"], ((UnixNbdAddress)server.Address).Path);
        long whole = await RunAsync(proxy, long.MaxValue, trusting, null);
        Assert.InRange(whole, 1000, 20_000);
        var failed = new List<string>();
        for (long at = 0; at < whole; at++)
            await RunAsync(proxy, at, trusting, failed);
        Assert.All(failed, id => Assert.Contains(id, new[] { "NbdConnectionLost", "NbdTlsFailed" }));
        // A signature is a byte or two longer in one handshake than in another.
        Assert.InRange(failed.Count, whole - 16, whole);
    }

    [SkippableFact]
    public async Task ATlsRecordThatWasTamperedWithEndsTheConnection()
    {
        using RealServer server = QemuNbd(_authority.Server(_scratch["server"]), "--shared=0");
        NbdOptions trusting = Trusting;
        await using var proxy = new CuttingProxy(_scratch["p"], ((UnixNbdAddress)server.Address).Path);
        long whole = await RunAsync(proxy, long.MaxValue, trusting, null);
        proxy.Tamper = true;
        var failed = new List<string>();
        for (long at = 200; at < whole; at += 11)
            await RunAsync(proxy, at, trusting, failed);
        Assert.All(failed, id => Assert.Contains(id, new[] { "NbdConnectionLost", "NbdTlsFailed", "NbdTlsUntrusted" }));
        Assert.NotEmpty(failed);
    }

    /// <summary>Opens the export through a proxy that ends after so many bytes of the server, and reads; notes how it failed.</summary>
    private static async Task<long> RunAsync(CuttingProxy proxy, long bytes, NbdOptions options, List<string>? failed)
    {
        proxy.Begin(bytes);
        try
        {
            await using NbdClient client = await NbdClient.ConnectAsync(proxy.Address, "", [], FakeServer.Limit(), options with { DisconnectTimeout = TimeSpan.FromMilliseconds(200) });
            await client.ReadAsync(0, new byte[512], FakeServer.Limit());
        }
        catch (MomentException failure) when (failed is not null)
        {
            failed.Add(failure.ErrorId.Name);
        }

        return proxy.Passed;
    }

    private static async Task<MomentException> FailsAsync(string id, Func<Task> connect)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(connect);
        Assert.True(failure.ErrorId.Name == id, $"{failure.ErrorId.Name} in place of {id}: {failure.Message} ({failure.InnerException})");
        return failure;
    }

    private static byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(3).NextBytes(bytes);
        return bytes;
    }

    private RealServer QemuNbd(string directory, params string[] more)
    {
        Tool.Require("qemu-nbd");
        File.WriteAllBytes(_scratch["d"], new byte[Size]);
        return RealServer.QemuNbd(_scratch["n"], ["--shared=5", "-f", "raw", .. more,
            "--object", $"tls-creds-x509,id=t,endpoint=server,dir={directory},verify-peer=on", "--tls-creds", "t", _scratch["d"]]);
    }
}
