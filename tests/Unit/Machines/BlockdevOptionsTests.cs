using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class BlockdevOptionsTests
{
    [Fact]
    public void FormatsAndEndsAreExplicit()
    {
        JsonObject chain = BlockdevOptions.ForChain([new("top", "/t", "qcow2", false, false), new("mid", "/m", "qcow2", true, false), new("base", "/b", "raw", true, true)]);
        Assert.Equal(
            """{"driver":"qcow2","node-name":"top","read-only":false,"file":{"driver":"file","filename":"/t","node-name":"top-f"},"backing":{"driver":"qcow2","node-name":"mid","read-only":true,"file":{"driver":"file","filename":"/m","node-name":"mid-f","auto-read-only":true},"backing":{"driver":"raw","node-name":"base","read-only":true,"file":{"driver":"host_device","filename":"/b","node-name":"base-f","auto-read-only":true}}}}""",
            chain.ToJsonString());
        Assert.Equal("null", BlockdevOptions.ForChain([new("top", "/t", "qcow2", false, false)])["backing"]?.ToJsonString() ?? "null");
        Assert.True(BlockdevOptions.ForChain([new("top", "/t", "qcow2", false, false)]).ContainsKey("backing"));
    }

    [Fact]
    public void EachLayerIsANodeOfItsOwn()
    {
        IReadOnlyList<JsonObject> nodes = BlockdevOptions.ForEachLayer([new("top", "/t", "qcow2", false, false), new("base", "/b", "qcow2", true, false)]);
        Assert.Equal(["base", "top"], nodes.Select(node => (string)node["node-name"]!));
        Assert.Equal("base", (string)nodes[1]["backing"]!);
        Assert.Null(nodes[0]["backing"]);
    }

    [Fact]
    public void NothingLiesBelowRaw() =>
        Assert.Throws<ArgumentException>(() => BlockdevOptions.ForChain([new("top", "/t", "raw", false, false), new("base", "/b", "raw", true, false)]));

    [Theory]
    [InlineData("none", """{"direct":true,"no-flush":false}""")]
    [InlineData("directsync", """{"direct":true,"no-flush":false}""")]
    [InlineData("writeback", """{"direct":false,"no-flush":false}""")]
    [InlineData("writethrough", """{"direct":false,"no-flush":false}""")]
    [InlineData("unsafe", """{"direct":false,"no-flush":true}""")]
    [InlineData("default", null)]
    [InlineData(null, null)]
    public void CacheModesAreQapis(string? cache, string? expected) =>
        Assert.Equal(expected, BlockdevOptions.ForChain([new("t", "/t", "raw", false, false)], DriverOptions.Of(new DomainDisk { Target = "vda", Cache = cache }))["cache"]?.ToJsonString());

    [Fact]
    public void ZeroesAreUnmappedOnlyWhereDiscardsAreLetThrough()
    {
        Assert.Equal("on", DriverOptions.Of(new DomainDisk { Target = "vda", DetectZeroes = "unmap" }).DetectZeroes);
        Assert.Equal("unmap", DriverOptions.Of(new DomainDisk { Target = "vda", DetectZeroes = "unmap", Discard = "unmap" }).DetectZeroes);
    }

    [SkippableFact]
    public void QemuReadsThroughTheWholeChain()
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", scratch["b, ü.raw"], "1M");
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 0x11 0 1M", scratch["b, ü.raw"]);
        Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", scratch["b, ü.raw"], "-F", "raw", scratch["m.qcow2"], "1M");
        Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", scratch["m.qcow2"], "-F", "qcow2", scratch["t.qcow2"], "1M");
        ImageLayer[] chain = [new("t", scratch["t.qcow2"], "qcow2", true, false), new("m", scratch["m.qcow2"], "qcow2", true, false), new("b", scratch["b, ü.raw"], "raw", true, false)];
        string json = BlockdevOptions.ForChain(chain, new DriverOptions(Direct: false, NoFlush: false, Discard: "unmap", DetectZeroes: "unmap")).ToJsonString();
        Assert.DoesNotContain("failed", Tool.Run("qemu-io", "-r", "-c", "read -P 0x11 0 1M", "json:" + json), StringComparison.Ordinal);
        // A chain that is cut here stays cut, whatever the image says: no byte of the layers below is read.
        string cut = BlockdevOptions.ForChain([chain[0]]).ToJsonString();
        Assert.DoesNotContain("failed", Tool.Run("qemu-io", "-r", "-c", "read -P 0 0 1M", "json:" + cut), StringComparison.Ordinal);
    }
}
