using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

/// <summary>Encrypted relays, read by libnbd; and credentials that are no good.</summary>
public sealed class RelayTlsTests
{
    [SkippableFact]
    public async Task CertificatesLetInWhoHasOne()
    {
        Tool.Require("nbdinfo");
        await using RelaySource source = await RelaySource.StartAsync();
        TlsSample.Write(source["x509"]);
        TlsSample.Write(source["stranger"]);
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(new RelayRequest(NbdAddress.Parse("tcp://127.0.0.1:0"), source["x509"], null, null, [source.Export(0, "vda")]));
        await using ServingDaemon relay = daemon;
        int port = ((TcpNbdAddress)bound).Port;
        Assert.Equal($"{RelaySource.Size}", Tool.Run("nbdinfo", "--size", $"nbds://127.0.0.1:{port}/vda?tls-certificates={source["x509"]}").Trim());
        Assert.NotEmpty(RelaySource.Map($"nbds://127.0.0.1:{port}/vda?tls-certificates={source["x509"]}", "qemu:dirty-bitmap:mt-ctx"));
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", "--size", $"nbds://127.0.0.1:{port}/vda?tls-certificates={source["stranger"]}").Exit);
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", "--size", $"nbd://127.0.0.1:{port}/vda").Exit);
        // An export that is added later is behind TLS too, with its context.
        await Relay.AddAsync(relay, [source.Export(1, "vdb")], CancellationToken.None);
        Assert.NotEmpty(RelaySource.Map($"nbds://127.0.0.1:{port}/vdb?tls-certificates={source["x509"]}", "qemu:dirty-bitmap:mt-ctx"));
        await relay.EndAsync();
    }

    [SkippableTheory]
    [InlineData("tcp://127.0.0.1:0")]
    [InlineData("unix")]
    public async Task KeysLetInWhoHasOne(string address)
    {
        Tool.Require("nbdinfo");
        await using RelaySource source = await RelaySource.StartAsync();
        TlsSample.WriteKeys(source["psk"]);
        await File.WriteAllTextAsync(source["wrong"], $"{TlsSample.User}:{new string('a', 32)}\n");
        (ServingDaemon daemon, NbdAddress bound) = await source.RelayAsync(new RelayRequest(NbdAddress.Parse(address == "unix" ? source["here"] : address), null, source["psk"], null, [source.Export(0, "vda")]));
        await using ServingDaemon relay = daemon;
        string With(string keys) => bound is TcpNbdAddress tcp
            ? $"nbds://{TlsSample.User}@127.0.0.1:{tcp.Port}/vda?tls-psk-file={keys}"
            : $"nbds+unix://{TlsSample.User}@/vda?socket={source["here"]}&tls-psk-file={keys}";
        Assert.Equal($"{RelaySource.Size}", Tool.Run("nbdinfo", "--size", With(source["psk/keys.psk"])).Trim());
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", "--size", With(source["wrong"])).Exit);
        Assert.NotEqual(0, Tool.TryRun("nbdinfo", "--size", bound.ToUri("vda")).Exit);
        await relay.EndAsync();
    }

    [Theory]
    [InlineData("ca-cert.pem")]
    [InlineData("server-cert.pem")]
    [InlineData("server-key.pem")]
    public async Task AMissingFileIsNamed(string file)
    {
        using var scratch = new ScratchDirectory();
        TlsSample.Write(scratch["x509"]);
        File.Delete(scratch["x509/" + file]);
        MomentException failure = await Expect.FailsAsync(ServingDaemonErrors.TlsCredentialsMissing, () => NowhereAsync(scratch["x509"], null));
        Assert.Contains(scratch["x509/" + file], failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-30, -1, "expired")]
    [InlineData(1, 30, "only from")]
    public async Task OneOutOfItsTimeIsRefused(double from, double until, string words)
    {
        using var scratch = new ScratchDirectory();
        TlsSample.Write(scratch["x509"], from, until);
        Assert.Contains(words, (await RefusedAsync(scratch["x509"], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server-cert.pem", "not the key of")]
    [InlineData("server-key.pem", "not the key of")]
    [InlineData("ca-cert.pem", "not issued by")]
    public async Task WhatDoesNotBelongTogetherIsRefused(string file, string words)
    {
        using var scratch = new ScratchDirectory();
        TlsSample.Write(scratch["x509"]);
        TlsSample.Write(scratch["other"]);
        File.Copy(scratch["other/" + file], scratch["x509/" + file], overwrite: true);
        Assert.Contains(words, (await RefusedAsync(scratch["x509"], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ca-cert.pem", "")]
    [InlineData("ca-cert.pem", "junk")]
    [InlineData("server-cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")]
    [InlineData("server-key.pem", "junk")]
    [InlineData("server-key.pem", "")]
    public async Task WhatIsNoCredentialIsRefused(string file, string content)
    {
        using var scratch = new ScratchDirectory();
        TlsSample.Write(scratch["x509"]);
        await File.WriteAllTextAsync(scratch["x509/" + file], content);
        Assert.Contains(file, (await RefusedAsync(scratch["x509"], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("alice\n")]
    [InlineData("alice:\n")]
    [InlineData(":00ff\n")]
    [InlineData("alice:00ff\nbob:xyz\n")]
    public async Task KeysThatAreNoneAreRefused(string content)
    {
        using var scratch = new ScratchDirectory();
        Directory.CreateDirectory(scratch["psk"]);
        await File.WriteAllTextAsync(scratch["psk/keys.psk"], content);
        await RefusedAsync(null, scratch["psk"]);
    }

    [Fact]
    public async Task MissingKeysAreSaid()
    {
        using var scratch = new ScratchDirectory();
        await Expect.FailsAsync(ServingDaemonErrors.TlsCredentialsMissing, () => NowhereAsync(null, scratch["psk"]));
    }

    [Fact]
    public async Task BothKindsAtOnceAreRefused() => await RefusedAsync("/nonexistent/x509", "/nonexistent/psk");

    private static Task<MomentException> RefusedAsync(string? x509, string? psk) => Expect.FailsAsync(ServingDaemonErrors.TlsCredentialsInvalid, () => NowhereAsync(x509, psk));

    // Nothing can be started there: the refusal came before.
    private static Task<(ServingDaemon Daemon, NbdAddress Bound)> NowhereAsync(string? x509, string? psk) => Relay.StartAsync(
        new DomainPlace("web", "/nonexistent/s", "/nonexistent/r"), "relay", new RelayRequest(NbdAddress.Parse("tcp://127.0.0.1:0"), x509, psk, null, []), CancellationToken.None);
}
