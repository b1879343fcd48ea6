using MomentTools.Nbd;
using MomentTools.Operations.Serving;

namespace MomentTools.Tests.Operations.Serving;

public sealed class ExportAddressTests
{
    [Theory]
    [InlineData("tcp://0.0.0.0:0")]
    [InlineData("tcp://[::]:10809")]
    [InlineData("tcp://:10809")]
    [InlineData("tcp:")]
    [InlineData("nbd://0:1")]
    [InlineData("tcp://[::ffff:0.0.0.0]:1")]
    [InlineData("tcp://[::%1]:1")]
    public void AnAddressThatEveryHostReachesIsKnown(string text) => Assert.True(ExportAddress.IsWildcard(ExportAddress.Parse(text)));

    [Theory]
    [InlineData("tcp://127.0.0.1:0")]
    [InlineData("tcp://backup.example:10809")]
    [InlineData("unix:///run/x")]
    public void AnAddressOfOneNetworkIsNone(string text) => Assert.False(ExportAddress.IsWildcard(ExportAddress.Parse(text)));

    [Theory]
    [InlineData("tcp://127.0.0.1:7", "nbd://127.0.0.1:7", true)]
    [InlineData("tcp://[::1]:7", "tcp://[0:0::1]:7", true)]
    [InlineData("tcp://Host:7", "tcp://host:7", true)]
    [InlineData("tcp://host:7", "tcp://host:8", false)]
    [InlineData("/run/x", "unix:///run/x", true)]
    [InlineData("/run/x", "tcp://host:8", false)]
    public void TwoWaysToWriteAnAddressAreOnePlace(string one, string other, bool same) => Assert.Equal(same, ExportAddress.IsSame(ExportAddress.Parse(one), ExportAddress.Parse(other)));

    [Fact]
    public void TheUriIsThatOfTheSpecification()
    {
        Assert.Equal("nbd+unix:///a%20b?socket=/run/x%20y", ExportAddress.UriOf(new UnixNbdAddress("/run/x y"), "a b", tls: false).ToString());
        Assert.Equal("nbds+unix:///vda?socket=/run/x", ExportAddress.UriOf(new UnixNbdAddress("/run/x"), "vda", tls: true).ToString());
        Assert.Equal("nbds://[::1]:7/vda", ExportAddress.UriOf(new TcpNbdAddress("::1", 7), "vda", tls: true).ToString());
    }

    [Theory]
    [InlineData("0.0.0.0", false)]
    [InlineData("::", false)]
    [InlineData("::", true)]
    public void TheUriOfAWildcardNamesAHostThatCanBeReached(string host, bool tls)
    {
        Uri uri = ExportAddress.UriOf(new TcpNbdAddress(host, 7), "vda", tls);
        Assert.DoesNotContain(uri.Host.Trim('[', ']'), (string[])["0.0.0.0", "::", ""]);
        Assert.NotEmpty(System.Net.Dns.GetHostAddresses(uri.Host.Trim('[', ']')));
    }
}
