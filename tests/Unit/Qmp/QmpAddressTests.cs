using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

public sealed class QmpAddressTests
{
    [Theory]
    [InlineData("unix:/run/a b.qmp", "unix:/run/a b.qmp")]
    [InlineData("/run/web1.qmp", "unix:/run/web1.qmp")]
    [InlineData("tcp:localhost:4444", "tcp:localhost:4444")]
    [InlineData("tcp://10.0.0.1:65535", "tcp:10.0.0.1:65535")]
    [InlineData("tcp:[::1]:1", "tcp:[::1]:1")]
    public void AnAddressIsReadAndWrittenBack(string text, string canonical)
    {
        QmpAddress address = QmpAddress.Parse(text);
        Assert.Equal(canonical, address.ToString());
        Assert.Equal(address, QmpAddress.Parse(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData("web1.qmp")]
    [InlineData("unix:web1.qmp")]
    [InlineData("unix:")]
    [InlineData("/run/a\0b")]
    [InlineData("tcp:localhost")]
    [InlineData("tcp:localhost:")]
    [InlineData("tcp::4444")]
    [InlineData("tcp:localhost:0")]
    [InlineData("tcp:localhost:65536")]
    [InlineData("tcp:localhost:+44")]
    [InlineData("tcp:::1:4444")]
    [InlineData("tcp:[]:4444")]
    [InlineData("tcp:local host:4444")]
    [InlineData("udp:localhost:4444")]
    public void AnythingElseIsRefused(string text) =>
        Assert.Equal(QmpErrors.QmpAddressInvalid, Assert.Throws<MomentException>(() => QmpAddress.Parse(text)).ErrorId);

    [Fact]
    public void ASocketPathMayHaveJust107Bytes()
    {
        Assert.IsType<UnixQmpAddress>(QmpAddress.Parse("/" + new string('x', 106)));
        Assert.Throws<MomentException>(() => QmpAddress.Parse("/" + new string('x', 107)));
        Assert.Throws<MomentException>(() => new UnixQmpAddress("/" + new string('ü', 54)));
    }
}
