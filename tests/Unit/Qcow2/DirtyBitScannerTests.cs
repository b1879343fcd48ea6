using FsCheck;
using FsCheck.Fluent;
using MomentTools.Blocks;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

/// <summary>The word-wise scanner against one test of one bit at a time.</summary>
public sealed class DirtyBitScannerTests
{
    private const int GranularityBits = 9;
    private const int Granularity = 1 << GranularityBits;

    // Words that are all alike, that begin or end set, and that are anything: what the scanner tells apart.
    private static readonly Gen<ulong> Words = Gen.OneOf(
        Gen.Constant(0UL),
        Gen.Constant(ulong.MaxValue),
        Gen.Elements(1UL, 1UL << 63, 0xffff_ffffUL, 0xffff_ffff_0000_0000UL, ~1UL, ~(1UL << 63), 0x5555_5555_5555_5555UL),
        ArbMap.Default.GeneratorFor<ulong>());

    [Fact]
    public void FindsWhatATestOfEachBitFinds() =>
        Prop.ForAll(Words.ArrayOf().ToArbitrary(), Gen.Choose(0, 100_000).ToArbitrary(), (words, cut) =>
        {
            byte[] data = [.. words.SelectMany(BitConverter.GetBytes)];
            long size = Math.Max(0, ((long)data.Length * 8 * Granularity) - cut);
            var scanner = new DirtyBitScanner(GranularityBits, size);
            scanner.Add(data);
            Assert.Equal(Model(data, size), scanner.Build());
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void PiecesAndRunsGiveWhatTheWholeGives() =>
        Prop.ForAll(Words.ArrayOf().ToArbitrary(), words =>
        {
            long size = (long)words.Length * 64 * Granularity;
            var scanner = new DirtyBitScanner(GranularityBits, size);
            foreach (ulong word in words)
            {
                if (word is 0 or ulong.MaxValue)
                    scanner.AddRun(64, dirty: word != 0);
                else
                    scanner.Add(BitConverter.GetBytes(word));
            }

            Assert.Equal(Model([.. words.SelectMany(BitConverter.GetBytes)], size), scanner.Build());
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TheLastBitEndsWithTheDisk()
    {
        var scanner = new DirtyBitScanner(16, 65536 + 512);
        scanner.AddRun(1L << 40, dirty: true);
        Assert.Equal([new Extent(0, 65536 + 512)], scanner.Build());
    }

    [Fact]
    public void AHundredThousandExtentsTakeMilliseconds()
    {
        byte[] data = new byte[100_000];
        data.AsSpan().Fill(0b0001_1000);
        long size = (long)data.Length * 8 << 16;
        Quick.Within(TimeSpan.FromMilliseconds(50), () => Assert.Equal(100_000, Scan().Count));

        ExtentMap Scan()
        {
            var scanner = new DirtyBitScanner(16, size);
            scanner.Add(data);
            return scanner.Build();
        }
    }

    private static ExtentMap Model(byte[] data, long size) => ExtentMap.Of(
        Enumerable.Range(0, data.Length * 8)
            .Where(bit => (data[bit / 8] >> (bit % 8) & 1) != 0 && (long)bit * Granularity < size)
            .Select(bit => new Extent((long)bit * Granularity, Math.Min(Granularity, size - ((long)bit * Granularity)))));
}
