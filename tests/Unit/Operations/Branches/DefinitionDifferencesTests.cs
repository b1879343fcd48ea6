using MomentTools.Operations.Branches;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Branches;

public sealed class DefinitionDifferencesTests
{
    private const string Machine = """
        <domain type='kvm'>
          <name>web1</name>
          <memory unit='MiB'>64</memory>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/a.img'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/b.qcow2'/><target dev='vdb' bus='virtio'/></disk>
            <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
          </devices>
        </domain>
        """;

    [Fact]
    public void ImagesNamesAndLayoutAreNoDifference() => Assert.Empty(Find(Machine
        .Replace("/a.img", "/a.6f1b.clean.qcow2", StringComparison.Ordinal).Replace("type='raw'", "type='qcow2'", StringComparison.Ordinal)
        .Replace("web1", "web2", StringComparison.Ordinal).Replace("\n", "\n\n", StringComparison.Ordinal)));

    [Theory]
    [InlineData(">64<", ">128<", "<memory> is '128', and was '64'")]
    [InlineData("type='kvm'", "type='qemu'", "its type is 'qemu', and was 'kvm'")]
    [InlineData("dev='vdb'", "dev='vdc'", "disk 'vdb' is gone; disk 'vdc' is new")]
    [InlineData("dev='vda' bus='virtio'", "dev='vda' bus='scsi'", "disk 'vda' is another one")]
    [InlineData("model type='virtio'", "model type='e1000e'", "<interface> 52:54:00:00:00:01 is another one")]
    [InlineData("<devices>", "<devices><rng model='virtio'/>", "<rng> is new")]
    public void WhatTheGuestCouldNoticeIsNamed(string before, string after, string difference) =>
        Assert.Equal(difference, string.Join("; ", Find(Machine.Replace(before, after, StringComparison.Ordinal))));

    private static IReadOnlyList<string> Find(string now) => DefinitionDifferences.Find(DomainDocument.Parse(Machine, "then"), DomainDocument.Parse(now, "now"));
}
