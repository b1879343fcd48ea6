using System.Globalization;
using MomentTools.Blocks;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

/// <summary>Which of many ranges read as zeroes, asked at once, against what the chain says run by run.</summary>
public sealed class ChainZeroesTests
{
    private const long Size = 16 << 20;

    [SkippableTheory]
    [InlineData("raw", "")]
    [InlineData("qcow2", "")]
    [InlineData("raw", ",extended_l2=on")]
    [InlineData("qcow2", ",cluster_size=4k")]
    public async Task ManyRangesAreToldAsEachAlone(string bottom, string options)
    {
        Tool.Require("qemu-img", "qemu-io");
        using var scratch = new ScratchDirectory();
        var random = new Random(7);
        // What stands on it is larger than the lowest one.
        Tool.Run("qemu-img", "create", "-q", "-f", bottom, scratch["0"], $"{Size / 2}");
        Fill(random, bottom, scratch["0"], Size / 2);
        for (int layer = 1; layer < 3; layer++)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=v3" + options, "-b", scratch[$"{layer - 1}"], "-F", layer == 1 ? bottom : "qcow2", scratch[$"{layer}"], $"{Size}");
            Fill(random, "qcow2", scratch[$"{layer}"], Size);
        }

        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(scratch["2"], new DirectoryImageGate(scratch.Path), CancellationToken.None);
        var known = new ExtentMapBuilder();
        await foreach (BlockStatus status in chain.StatusAsync(0, Size, CancellationToken.None))
            if (status.Kind != BlockKind.Data)
                known.Add(status.Offset, status.Length);
        ExtentMap zero = known.Build();
        Assert.NotEmpty(zero);
        Assert.NotEmpty(ExtentMap.Of(new Extent(0, Size)).Subtract(zero));
        Assert.Equal(zero, await chain.ZeroesAsync(ExtentMap.Of(new Extent(0, Size)), CancellationToken.None));
        for (int round = 0; round < 20; round++)
        {
            ExtentMap ranges = ExtentMap.Of(Enumerable.Range(0, random.Next(1, 300)).Select(_ => new Extent(random.NextInt64(Size / 512) * 512, 512 * random.Next(1, 400))).Where(range => range.End <= Size));
            Assert.Equal(zero.Intersect(ranges), await chain.ZeroesAsync(ranges, CancellationToken.None));
        }

        Assert.Empty(await chain.ZeroesAsync(ExtentMap.Empty, CancellationToken.None));
    }

    private static void Fill(Random random, string format, string path, long size)
    {
        List<string> commands = [];
        for (int write = 0; write < 40; write++)
        {
            long offset = random.NextInt64(size / 4096) * 4096, length = Math.Min(size - offset, random.Next(1, 64) * 4096L);
            commands.AddRange("-c", string.Create(CultureInfo.InvariantCulture, $"{(random.Next(3) == 0 ? "write -z" : "write -P 7")} {offset} {length}"));
        }

        Tool.Run("qemu-io", ["-f", format, .. commands, path]);
    }
}
