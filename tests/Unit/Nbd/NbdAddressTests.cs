using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

public sealed class NbdAddressTests
{
    [Theory]
    [InlineData("/run/x.sock", "unix:///run/x.sock")]
    [InlineData("unix:/run/x.sock", "unix:///run/x.sock")]
    [InlineData("unix:///run/x.sock", "unix:///run/x.sock")]
    [InlineData("nbd+unix:///?socket=/run/a%20b", "unix:///run/a b")]
    [InlineData("tcp://127.0.0.1:0", "tcp://127.0.0.1:0")]
    [InlineData("tcp:example.org:65535", "tcp://example.org:65535")]
    [InlineData("nbd://host", "tcp://host:10809")]
    [InlineData("nbd://host/", "tcp://host:10809")]
    [InlineData("tcp://[::1]:5", "tcp://[::1]:5")]
    [InlineData("tcp://[fe80::1]", "tcp://[fe80::1]:10809")]
    public void AnAddressIsReadAndWritten(string text, string written)
    {
        NbdAddress address = NbdAddress.Parse(text);
        Assert.Equal(written, address.ToString());
        Assert.Equal(address, NbdAddress.Parse(address.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("host:10809")]
    [InlineData("unix:relative")]
    [InlineData("unix:")]
    [InlineData("tcp://")]
    [InlineData("tcp://:1")]
    [InlineData("tcp://host:65536")]
    [InlineData("tcp://host:-1")]
    [InlineData("tcp://host:+1")]
    [InlineData("tcp://host:")]
    [InlineData("tcp://::1")]
    [InlineData("tcp://[::1")]
    [InlineData("tcp://[::1]5")]
    [InlineData("tcp://ho st:1")]
    [InlineData("nbd://host/export")]
    [InlineData("http://host")]
    [InlineData("/run/\0x")]
    public void WhatIsNoAddressIsRefused(string text) =>
        Assert.Equal("NbdAddressInvalid", Assert.Throws<MomentException>(() => NbdAddress.Parse(text)).ErrorId.Name);

    [Fact]
    public void ASocketsPathHas107BytesAtMost()
    {
        Assert.IsType<UnixNbdAddress>(NbdAddress.Parse("/" + new string('a', 106)));
        Assert.Throws<MomentException>(() => NbdAddress.Parse("/" + new string('a', 107)));
        Assert.Throws<MomentException>(() => NbdAddress.Parse("/" + new string('ü', 54)));
    }

    [Fact]
    public void AUriEscapesTheExportsName()
    {
        Assert.Equal("nbd://[::1]:7/a%20b%2Fc", new TcpNbdAddress("::1", 7).ToUri("a b/c"));
        Assert.Equal("nbd+unix:///vda?socket=/run/a%26b", new UnixNbdAddress("/run/a&b").ToUri("vda"));
    }
}
