using MomentTools.Errors;
using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class BlockExportDocumentTests
{
    private const string Full = """
        <domainblockexport type="nbd">
          <address type="ip" host="127.0.0.1" port="10809" />
          <disk name="vda" snapshot="tonight" checkpoint="monday" exportname="vda-tonight" />
          <disk name="vdb" snapshot="tonight" readonly="yes" />
        </domainblockexport>

        """;

    [Fact]
    public void WhatIsWrittenIsReadAlike()
    {
        BlockExportDocument read = User(Full);
        Assert.Equal(new BlockExportAddress("127.0.0.1", 10809, AutoPort: false, null, Tls: false), read.Address);
        Assert.Equal([new BlockExportDocumentDisk("vda", "tonight", "monday", "vda-tonight", null), new BlockExportDocumentDisk("vdb", "tonight", null, null, ReadOnly: true)], read.Disks);
        Assert.Equal(Full, read.ToXml());
    }

    [Theory]
    [InlineData("<address type='ip' host='127.0.0.1' port='10809'/>", "tcp://127.0.0.1:10809", false)]
    [InlineData("<address type='ip' host='::1'/>", "tcp://[::1]:10809", false)]
    [InlineData("<address type='ip' host='backup.example' port=' 1 ' tls='yes'/>", "tcp://backup.example:1", true)]
    [InlineData("<address type='ip' host='0.0.0.0' port='0'/>", "tcp://0.0.0.0:0", false)]
    [InlineData("<address type='ip' host='h' autoport='yes'/>", "tcp://h:0", false)]
    [InlineData("<address type='ip' host='h' autoport='yes' port='4711' tls='no'/>", "tcp://h:0", false)]
    [InlineData("<address type='ip' host='h' autoport='no' port='4711'/>", "tcp://h:4711", false)]
    [InlineData("<address type='unix' path='/run/x y'/>", "unix:///run/x y", false)]
    [InlineData("<address type='unix' socket='/run/x' tls='yes'/>", "unix:///run/x", true)]
    public void EachFormOfAnAddressIsReadAsTheTextThatItMeans(string address, string text, bool tls)
    {
        BlockExportDocument read = User($"<domainblockexport type='nbd'>{address}</domainblockexport>");
        Assert.Equal((text, tls), (read.Address!.ToString(), read.Address.Tls));
        Assert.Equal(text, NbdAddress.Parse(text).ToString());
        Assert.Equal(read.Address, User(read.ToXml()).Address);
    }

    [Theory]
    [InlineData("<domainblockexport type='nbd'/>")]
    [InlineData("<domainblockexport type='nbd'><disks><disk name='vda' readonly='no'/></disks></domainblockexport>")]
    [InlineData("<domainblockexport type='nbd'><disk name='/images/a.qcow2' checkpoint='snapshot:before it' exportname='a b/c &amp; ü'/></domainblockexport>")]
    public void EachVariantIsRead(string text) => Assert.Equal(User(text).ToXml(), User(User(text).ToXml()).ToXml());

    [Theory]
    [InlineData("<domainblocksnapshot/>", "root element must be <domainblockexport>")]
    [InlineData("<domainblockexport/>", "'type' is missing")]
    [InlineData("<domainblockexport type='iscsi'/>", "must be 'nbd', not 'iscsi'")]
    [InlineData("<domainblockexport type='nbd' name='x'/>", "'name' is unknown")]
    [InlineData("<domainblockexport type='nbd'>\n<address/></domainblockexport>", "line 2, <address>: the attribute 'type' is missing")]
    [InlineData("<domainblockexport type='nbd'><address type='tcp'/></domainblockexport>", "'ip' or 'unix', not 'tcp'")]
    [InlineData("<domainblockexport type='nbd'><address type='ip'/></domainblockexport>", "'host' is missing")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='a b'/></domainblockexport>", "neither a host's name nor an IP address")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='[::1]'/></domainblockexport>", "neither a host's name nor an IP address")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h' port='65536'/></domainblockexport>", "from 0 to 65535")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h' port='-1'/></domainblockexport>", "from 0 to 65535")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h' autoport='maybe'/></domainblockexport>", "'yes' or 'no'")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h' path='/x'/></domainblockexport>", "'path' is unknown")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h' tls='1'/></domainblockexport>", "'yes' or 'no'")]
    [InlineData("<domainblockexport type='nbd'><address type='ip' host='h'><a/></address></domainblockexport>", "<a>")]
    [InlineData("<domainblockexport type='nbd'><address type='unix'/></domainblockexport>", "'path' is missing")]
    [InlineData("<domainblockexport type='nbd'><address type='unix' path='x'/></domainblockexport>", "absolute path")]
    [InlineData("<domainblockexport type='nbd'><address type='unix' path='/x' socket='/x'/></domainblockexport>", "words for the same")]
    [InlineData("<domainblockexport type='nbd'><address type='unix' path='/x' port='1'/></domainblockexport>", "'port' is unknown")]
    [InlineData("<domainblockexport type='nbd'><address type='unix' path='/00000000010000000002000000000300000000040000000005000000000600000000070000000008000000000900000000010000000'/></domainblockexport>", "107 bytes")]
    [InlineData("<domainblockexport type='nbd'><address type='unix' path='/x'/><address type='unix' path='/y'/></domainblockexport>", "only once")]
    [InlineData("<domainblockexport type='nbd'><disk/></domainblockexport>", "'name' is missing")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda'><scratch file='/x'/></disk></domainblockexport>", "<scratch>")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' snapshot='a/b'/></domainblockexport>", "cannot be the name of a block snapshot")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' checkpoint=''/></domainblockexport>", "cannot be the name of a moment")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' exportname=''/></domainblockexport>", "from 1 to 4096 bytes")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' exportname='a&#10;b'/></domainblockexport>", "control characters")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' readonly='true'/></domainblockexport>", "'yes' or 'no'")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' exportbitmap='b'/></domainblockexport>", "'exportbitmap' is unknown")]
    [InlineData("<domainblockexport type='nbd'><disk name='vda' exportname='x'/><disk name='vdb' exportname='x'/></domainblockexport>", "have the export name 'x' both")]
    [InlineData("<domainblockexport type='nbd'><m:blockexport xmlns:m='https://momenttools.dev/xml/1'/></domainblockexport>", "may have only")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => BlockExportDocument.Parse(text, "the gift"));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheNameOfAnExportHasABound()
    {
        Assert.Null(BlockExportDocumentDisk.ExportNameRule(new string('é', 2048)));
        Assert.NotNull(BlockExportDocumentDisk.ExportNameRule(new string('é', 2049)));
        Assert.NotNull(BlockExportDocumentDisk.ExportNameRule("a\ud800"));
    }

    [Fact]
    public void ADiskIsNamedOnce() =>
        Assert.Equal(XmlErrors.DiskNamedTwice, Assert.Throws<MomentException>(() => User("<domainblockexport type='nbd'><disk name='vda'/><disk name='vda' snapshot='s'/></domainblockexport>")).ErrorId);

    private static BlockExportDocument User(string text) => BlockExportDocument.Parse(text, "it");
}
