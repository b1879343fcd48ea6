using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

public sealed class NbdUriTests
{
    [Theory]
    [InlineData("nbd://host", "tcp://host:10809", "", false)]
    [InlineData("NBD://host/", "tcp://host:10809", "", false)]
    [InlineData("nbd://", "tcp://localhost:10809", "", false)]
    [InlineData("nbd:///vda", "tcp://localhost:10809", "vda", false)]
    [InlineData("nbds://host:5/vda", "tcp://host:5", "vda", true)]
    [InlineData("nbd://[::1]:7/a%20b%2Fc", "tcp://[::1]:7", "a b/c", false)]
    [InlineData("nbd://host/a/b//c", "tcp://host:10809", "a/b//c", false)]
    [InlineData("nbd://host//a", "tcp://host:10809", "/a", false)]
    [InlineData("nbd://host/%E2%9C%93+%2B", "tcp://host:10809", "✓++", false)]
    [InlineData("nbd+unix:///?socket=/run/a%20b", "unix:///run/a b", "", false)]
    [InlineData("nbds+unix:///vda?x-what=1&socket=/run/a%26b", "unix:///run/a&b", "vda", true)]
    [InlineData("nbd+unix:///%3F%23%25?socket=%2Frun%2Fs", "unix:///run/s", "?#%", false)]
    [InlineData("nbds://host/?tls-verify-peer=true", "tcp://host:10809", "", true)]
    public void AUriIsRead(string text, string address, string name, bool encrypted)
    {
        NbdUri uri = NbdUri.Parse(text);
        Assert.Equal((address, name, encrypted), (uri.Address.ToString(), uri.ExportName, uri.Encrypted));
        Assert.Equal(uri, NbdUri.Parse(uri.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("host")]
    [InlineData("http://host")]
    [InlineData("nbd:host")]
    [InlineData("nbd+tcp://host")]
    [InlineData("nbd+unix:///vda")]
    [InlineData("nbd+unix://host/vda?socket=/s")]
    [InlineData("nbd+unix:///vda?socket=relative")]
    [InlineData("nbd+unix:///vda?socket=")]
    [InlineData("nbd+unix:///vda?socket=/a&socket=/b")]
    [InlineData("nbd://host/?socket=/s")]
    [InlineData("nbd://host/a#b")]
    [InlineData("nbd://host/a%2")]
    [InlineData("nbd://host/a%zz")]
    [InlineData("nbd://host/a%+1")]
    [InlineData("nbd://host/%ff")]
    [InlineData("nbd://host/%00")]
    [InlineData("nbd://host:65536/")]
    [InlineData("nbd://user@host/")]
    [InlineData("nbds://host/?tls-psk-file=/keys")]
    [InlineData("nbds://host/?tls-verify-peer=false")]
    [InlineData("nbds://host/?tls-verify-peer=0")]
    public void WhatIsNoUriIsRefused(string text) =>
        Assert.Equal("NbdAddressInvalid", Assert.Throws<MomentException>(() => NbdUri.Parse(text)).ErrorId.Name);

    [Fact]
    public void CertificatesAndHostAreToldByParametersOrOptions()
    {
        NbdUri uri = NbdUri.Parse("nbds://host/?tls-certificates=/etc/a%20b&tls-hostname=disk.example");
        Assert.Equal(new NbdTls("/etc/a b") { HostName = "disk.example" }, uri.Options(NbdOptions.Default).Tls);
        Assert.Equal(uri, NbdUri.Parse(uri.ToString()));
        var own = new NbdOptions { Tls = new NbdTls("/own") { HostName = "h" } };
        Assert.Equal(own.Tls, NbdUri.Parse("nbds://host").Options(own).Tls);
        // A scheme without TLS takes none away.
        Assert.Equal(own.Tls, NbdUri.Parse("nbd://host").Options(own).Tls);
        Assert.Equal("NbdTlsCredentialsInvalid", Assert.Throws<MomentException>(() => NbdUri.Parse("nbds://host").Options(NbdOptions.Default)).ErrorId.Name);
    }

    [Fact]
    public void EveryNameComesBackFromTheUriItStandsIn() =>
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), ArbMap.Default.ArbFor<bool>(), (text, encrypted) =>
        {
            // A name that UTF-8 or the protocol cannot carry is no name.
            string name = text.Get.Replace("\0", "", StringComparison.Ordinal);
            if (name.Any(char.IsSurrogate))
                return true;
            NbdUri overTcp = NbdUri.Parse(new TcpNbdAddress("::1", 7).ToUri(name, encrypted)), overUnix = NbdUri.Parse(new UnixNbdAddress("/run/ü?&#%").ToUri(name, encrypted));
            return overTcp == new NbdUri(new TcpNbdAddress("::1", 7), name, encrypted) && overUnix == new NbdUri(new UnixNbdAddress("/run/ü?&#%"), name, encrypted);
        }).QuickCheckThrowOnFailure();
}
