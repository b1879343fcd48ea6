using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>New layers as files: what they are called, whose they are, and when they are unlinked.</summary>
public sealed class OverlayFileTests
{
    private static readonly Guid Domain = Guid.Parse("6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11");

    [Fact]
    public void NamesAreBesideTheBaseAndDoNotGrowWithTheChain()
    {
        using var scratch = new ScratchDirectory();
        string first = OverlayFile.PathFor(scratch["web.qcow2"], Domain, "clean");
        Assert.Equal(scratch["web.6f1b2a6e.clean.qcow2"], first);
        Assert.Equal(scratch["web.6f1b2a6e.two words.qcow2"], OverlayFile.PathFor(first, Domain, "two words"));
        Assert.Equal(scratch["disk.v1.6f1b2a6e.x.qcow2"], OverlayFile.PathFor(scratch["disk.v1"], Domain, "x"));
    }

    [Fact]
    public void TakenNamesAreNumberedAndLongOnesFit()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["web.6f1b2a6e.clean.qcow2"], "");
        Assert.Equal(scratch["web.6f1b2a6e.clean-2.qcow2"], OverlayFile.PathFor(scratch["web.qcow2"], Domain, "clean"));
        Assert.Equal(scratch["web.6f1b2a6e.clean-3.qcow2"], OverlayFile.PathFor(scratch["web.qcow2"], Domain, "clean", new HashSet<string> { scratch["web.6f1b2a6e.clean-2.qcow2"] }));

        string longest = OverlayFile.PathFor(scratch[new string('ä', 120) + ".qcow2"], Domain, new string('ö', 100));
        Assert.True(System.Text.Encoding.UTF8.GetByteCount(Path.GetFileName(longest)) <= 255);
        File.WriteAllText(longest, "");
        Assert.NotEqual(longest, OverlayFile.PathFor(scratch[new string('ä', 120) + ".qcow2"], Domain, new string('ö', 100)));
    }

    [SkippableFact]
    public async Task ALayerIsMadeWithTheModeOfItsBaseAndOpensOnIt()
    {
        await using var stopped = await Stopped.OpenAsync();
        string path = stopped.Scratch["over.qcow2"];
        TrackingLayer layer = await OverlayFile.CreateAsync(stopped.Session, "mt-abc-0", path, stopped.BasePath, "qcow2", 1 << 20, stopped.BasePath, CancellationToken.None);

        Assert.Equal("640", Tool.Run("stat", "-c", "%a", path).Trim());
        Assert.True(layer.Made);
        Assert.Equal((path, "qcow2", stopped.BasePath), (layer.Path, layer.Facts!.BackingFormat, layer.Facts.BackingFile));
        Assert.Contains("\"virtual-size\": 1048576", Tool.Run("qemu-img", "info", "--output=json", path), StringComparison.Ordinal);

        await new OverlayNode("mt-abc-0", path).AddAsync(stopped.Session.Qmp, null, DriverOptions.Default, CancellationToken.None);
        MomentException locked = await Assert.ThrowsAsync<MomentException>(() => new OverlayNode("mt-abc-1", path).AddAsync(stopped.Session.Qmp, null, DriverOptions.Default, CancellationToken.None));
        Assert.Equal(DiskErrors.DiskLocked, locked.ErrorId);
    }

    [SkippableFact]
    public async Task AFileThatIsThereIsNeverTouched()
    {
        await using var stopped = await Stopped.OpenAsync();
        string path = stopped.Scratch["over.qcow2"];
        File.WriteAllText(path, "precious");
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => OverlayFile.CreateAsync(stopped.Session, "mt-abc-0", path, stopped.BasePath, "qcow2", 1 << 20, stopped.BasePath, CancellationToken.None));
        Assert.Equal(FileErrors.FileExists, failure.ErrorId);
        Assert.Equal("precious", File.ReadAllText(path));
    }

    [SkippableFact]
    public async Task OnlyTheVeryFileIsUnlinked()
    {
        await using var stopped = await Stopped.OpenAsync();
        string path = stopped.Scratch["over.qcow2"];
        TrackingLayer layer = await OverlayFile.CreateAsync(stopped.Session, "mt-abc-0", path, stopped.BasePath, "qcow2", 1 << 20, stopped.BasePath, CancellationToken.None);
        File.Move(path, path + ".moved");
        File.WriteAllText(path, "another");

        Assert.False(OverlayFile.Remove(path, layer.Facts!));
        Assert.Equal("another", File.ReadAllText(path));
        Assert.True(OverlayFile.Remove(path + ".moved", layer.Facts!));
        Assert.False(File.Exists(path + ".moved"));
        Assert.True(OverlayFile.Remove(path + ".moved", layer.Facts!));
    }

    private sealed class Stopped : IAsyncDisposable
    {
        private Stopped(ScratchDirectory scratch, BlockSession session)
        {
            Scratch = scratch;
            Session = session;
        }

        public ScratchDirectory Scratch { get; }

        public BlockSession Session { get; }

        public string BasePath => Scratch["vda.qcow2"];

        public static async Task<Stopped> OpenAsync()
        {
            Tool.Require("qemu-img", "qemu-storage-daemon");
            var scratch = new ScratchDirectory();
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["vda.qcow2"], "1M");
            Tool.Run("chmod", "640", scratch["vda.qcow2"]);
            DomainDocument domain = DomainDocument.Parse(
                $"<domain type='qemu'><name>a</name><memory>65536</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{scratch["vda.qcow2"]}'/><target dev='vda' bus='virtio'/></disk></devices></domain>", "a test");
            return new Stopped(scratch, await BlockSession.OpenAsync(new DomainPlace("a", scratch["state/domains/a"], scratch["run"]), domain, ["vda"], BlockAccess.Change, CancellationToken.None));
        }

        public async ValueTask DisposeAsync()
        {
            await Session.DisposeAsync();
            Scratch.Dispose();
        }
    }
}
