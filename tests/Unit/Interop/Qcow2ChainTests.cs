using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>Images that stand on others.</summary>
public sealed class Qcow2ChainTests
{
    [SkippableTheory]
    [InlineData("4194304", "4194304", "4194304")]
    [InlineData("4194304", "2097664", "6292480")]
    [InlineData("1049088", "5242880", "3146240")]
    public async Task ThreeLayersOnARawBaseReadAsOneDisk(string bottom, string middle, string top)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        string[] names = ["base.raw", "one.qcow2", "two.qcow2", "three.qcow2"];
        string[] sizes = [bottom, middle, "4194816", top];
        string[] options = ["", "cluster_size=4k", "extended_l2=on", "cluster_size=64k"];
        var random = new Random(bottom.Length + top[0]);
        for (int at = 0; at < names.Length; at++)
        {
            string format = at == 0 ? "raw" : "qcow2";
            string[] backing = at == 0 ? [] : ["-o", options[at], "-b", names[at - 1], "-F", at == 1 ? "raw" : "qcow2"];
            Tool.Run("qemu-img", ["create", "-q", "-f", format, .. backing, scratch[names[at]], sizes[at]]);
            Qcow2Oracle.Write(scratch[names[at]], format, Qcow2Oracle.RandomCommands(random, long.Parse(sizes[at], null), 12));
        }

        await Qcow2Oracle.AssertAsync(scratch, scratch["three.qcow2"]);
        await Qcow2Oracle.AssertAsync(scratch, scratch["two.qcow2"]);
        await Qcow2Oracle.AssertAsync(scratch, scratch["one.qcow2"]);
    }

    [SkippableFact]
    public async Task RandomChainsReadAsQemuReadsThem()
    {
        Tool.Require("qemu-img", "qemu-io");
        const int Seed = 20260;
        var random = new Random(Seed);
        for (int round = 0; round < 12; round++)
        {
            using var scratch = new ScratchDirectory();
            string? below = null;
            int layers = random.Next(1, 5);
            for (int at = 0; at < layers; at++)
            {
                string image = scratch[$"{at}.qcow2"];
                int clusterBits = random.Next(9, 19);
                string extended = clusterBits >= 14 && random.Next(2) == 0 ? ",extended_l2=on" : "";
                long size = random.Next(1, 6000) * 512L;
                string[] backing = below is null ? [] : ["-b", below, "-F", "qcow2"];
                Tool.Run("qemu-img", ["create", "-q", "-f", "qcow2", "-o", $"cluster_size={1 << clusterBits}{extended}", .. backing, image, $"{size}"]);
                Qcow2Oracle.Write(image, "qcow2", Qcow2Oracle.RandomCommands(random, size, random.Next(30)));
                below = image;
            }

            await Qcow2Oracle.AssertAsync(scratch, below!);
        }
    }

    [SkippableFact]
    public async Task ALayerWithoutABackingFormatIsRefused()
    {
        using Pair pair = new("raw");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", pair.Scratch["bare.qcow2"], "1M");
        await RewriteBackingAsync(pair.Scratch["bare.qcow2"], "base.raw");
        await AssertRefusedAsync(pair.Scratch["bare.qcow2"], new DirectoryImageGate(pair.Scratch.Path), Qcow2Errors.Qcow2BackingFormatMissing);
    }

    [SkippableTheory]
    [InlineData("nbd:localhost:10809")]
    [InlineData("json:{\"driver\":\"null-co\"}")]
    public async Task ABackingFileThatIsNoFileIsRefused(string name)
    {
        using Pair pair = new("raw");
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", name, "-F", "raw", pair.Overlay);
        await AssertRefusedAsync(pair.Overlay, new DirectoryImageGate("/"), Qcow2Errors.Qcow2BackingNameUnsupported);
    }

    [SkippableFact]
    public async Task AFormatThatIsNotReadIsRefused()
    {
        using Pair pair = new("raw");
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "base.raw", "-F", "vmdk", pair.Overlay);
        await AssertRefusedAsync(pair.Overlay, new DirectoryImageGate("/"), Qcow2Errors.Qcow2BackingFormatUnsupported);
    }

    [SkippableFact]
    public async Task TheDirectoryGateFollowsLinksBeforeItDecides()
    {
        using Pair pair = new("raw");
        using var outside = new ScratchDirectory();
        var gate = new DirectoryImageGate(pair.Scratch.Path);
        await using (await Qcow2Chain.OpenAsync(pair.Overlay, gate, CancellationToken.None))
        {
        }

        File.Move(pair.Base, outside["secret"]);
        File.CreateSymbolicLink(pair.Base, outside["secret"]);
        await AssertRefusedAsync(pair.Overlay, gate, Qcow2Errors.Qcow2BackingRefused);
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "../../../../../../etc/hostname", "-F", "raw", pair.Overlay);
        await AssertRefusedAsync(pair.Overlay, gate, Qcow2Errors.Qcow2BackingRefused);
    }

    [SkippableFact]
    public async Task TheListGateAdmitsWhatIsOnTheListAndNothingElse()
    {
        using Pair pair = new("raw");
        await using (await Qcow2Chain.OpenAsync(pair.Overlay, new PathListImageGate([pair.Base]), CancellationToken.None))
        {
        }

        await AssertRefusedAsync(pair.Overlay, new PathListImageGate([pair.Overlay, "/nowhere"]), Qcow2Errors.Qcow2BackingRefused);
    }

    [SkippableFact]
    public async Task ARelativeNameBelongsToTheDirectoryThroughWhichTheImageWasOpened()
    {
        using Pair pair = new("raw");
        Qcow2Oracle.Write(pair.Base, "raw", "write -P 5 0 1M");
        Directory.CreateDirectory(pair.Scratch["sub"]);
        File.Move(pair.Overlay, pair.Scratch["sub/top.qcow2"]);
        File.CreateSymbolicLink(pair.Overlay, pair.Scratch["sub/top.qcow2"]);
        await Qcow2Oracle.AssertAsync(pair.Scratch, pair.Overlay);
    }

    [SkippableFact]
    public async Task AChainThatBitesItsTailIsRefused()
    {
        using Pair pair = new("qcow2");
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "top.qcow2", "-F", "qcow2", pair.Base);
        await AssertRefusedAsync(pair.Overlay, new DirectoryImageGate(pair.Scratch.Path), Qcow2Errors.Qcow2ChainLoop);
    }

    [SkippableFact]
    public async Task AChainOfMoreThanTwoHundredImagesIsRefusedAndOneOfTwoHundredIsRead()
    {
        using Pair pair = new("qcow2");
        byte[] overlay = await File.ReadAllBytesAsync(pair.Overlay);
        string below = "base.raw";
        for (int at = 2; at <= 201; at++)
        {
            string name = $"l{at:d5}.q";
            await File.WriteAllBytesAsync(pair.Scratch[name], overlay);
            await RewriteBackingAsync(pair.Scratch[name], below);
            below = name;
        }

        await using (Qcow2Chain chain = await Qcow2Chain.OpenAsync(pair.Scratch["l00200.q"], new DirectoryImageGate(pair.Scratch.Path), CancellationToken.None))
        {
            Assert.Equal(200, chain.Layers.Count);
            byte[] buffer = [1, 2, 3];
            await chain.ReadAsync(12345, buffer, CancellationToken.None);
            Assert.Equal([0, 0, 0], buffer);
        }

        await AssertRefusedAsync(pair.Scratch["l00201.q"], new DirectoryImageGate(pair.Scratch.Path), Qcow2Errors.Qcow2ChainTooDeep);
    }

    private static async Task AssertRefusedAsync(string image, IImageGate gate, ErrorId id)
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => Qcow2Chain.OpenAsync(image, gate, CancellationToken.None));
        Assert.Equal(id, refused.ErrorId);
    }

    /// <summary>Puts a name of up to eight letters into the header where qemu-img would want the file's format too.</summary>
    private static async Task RewriteBackingAsync(string image, string name)
    {
        byte[] bytes = await File.ReadAllBytesAsync(image);
        const int Place = 60_000;
        byte[] header = [0, 0, 0, 0, 0, 0, Place >> 8, Place & 255, 0, 0, 0, (byte)name.Length];
        header.CopyTo(bytes, 8);
        System.Text.Encoding.UTF8.GetBytes(name).CopyTo(bytes, Place);
        await File.WriteAllBytesAsync(image, bytes);
    }

    /// <summary>An overlay, top.qcow2, on base.raw, which is of the given format.</summary>
    private sealed class Pair : IDisposable
    {
        public Pair(string format)
        {
            Tool.Require("qemu-img", "qemu-io");
            Tool.Run("qemu-img", "create", "-q", "-f", format, Base, "1M");
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", format, Overlay, "1M");
        }

        public ScratchDirectory Scratch { get; } = new();

        public string Base => Scratch["base.raw"];

        public string Overlay => Scratch["top.qcow2"];

        public void Dispose() => Scratch.Dispose();
    }
}
