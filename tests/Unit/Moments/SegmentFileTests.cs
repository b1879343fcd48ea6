using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Moments;

/// <summary>Sidecars: what was written is read back, and nothing else ever is.</summary>
public sealed class SegmentFileTests : IDisposable
{
    private const long Grain = 65536;
    private readonly ScratchDirectory _scratch = new();
    private readonly SegmentFile _segments;

    public SegmentFileTests() => _segments = new SegmentFile(_scratch["segments"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhatWasWrittenIsReadBack()
    {
        Gen<Segment> segments =
            from count in Gen.Choose(0, 40)
            from starts in Gen.Choose(0, 1 << 20).ListOf(count)
            from length in Gen.Choose(1, 9)
            select new Segment(ExtentMap.Of(starts.Select(start => new Extent(start * Grain, length * Grain))), (1L << 21) * Grain, Grain);
        Prop.ForAll(segments.Two().ToArbitrary(), pair =>
        {
            string id = MomentIds.New();
            _segments.Write(id, Of(("vda", pair.Item1), ("vdb", pair.Item2)));
            Assert.Equal(pair.Item1, _segments.Read(id, "vda"));
            Assert.Equal(pair.Item2, _segments.Read(id, "vdb"));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void AHundredThousandRunsAreSmallAndReadBack()
    {
        var segment = new Segment(ExtentMap.Of(Enumerable.Range(0, 100_000).Select(index => new Extent(index * 3 * Grain, Grain))), 300_000 * Grain, Grain);
        _segments.Write("many", Of(("vda", segment)));
        Assert.Equal(segment, _segments.Read("many", "vda"));
        Assert.InRange(new FileInfo(_segments.PathOf("many")).Length, 100_000, 1_000_000);
    }

    [Fact]
    public void EveryFlippedByteAndEveryTruncationIsSeen()
    {
        _segments.Write("one", Of(("vda", Small())));
        byte[] good = File.ReadAllBytes(_segments.PathOf("one"));
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            AssertUnreadable(bad);
            Assert.False(_segments.IsWhole("bad"));
            AssertUnreadable(good[..at]);
            Assert.False(_segments.IsWhole("bad"));
        }

        AssertUnreadable([.. good, 0]);
    }

    [Fact]
    public void ADiskThatIsNotInItIsAnErrorAndNotAnEmptyAnswer()
    {
        _segments.Write("one", Of(("vda", Small())));
        MomentException failure = Assert.Throws<MomentException>(() => _segments.Read("one", "vdb"));
        Assert.Equal(MomentErrors.SegmentUnreadable, failure.ErrorId);
        Assert.Contains("'vdb'", failure.Message, StringComparison.Ordinal);
        Assert.True(_segments.IsWhole("one") && _segments.IsWhole("one", "vda"));
        Assert.False(_segments.IsWhole("one", "vdb"));
    }

    [Fact]
    public void WhatAKilledProcessWasStillWritingIsWrittenAgain()
    {
        _segments.Write("one", Of(("vda", Small())));
        using (FileStream file = File.OpenWrite(_segments.PathOf("one")))
            file.SetLength(file.Length - 1);
        FrozenSegments.Write(_segments, "one", Of(("vda", Small())), null);
        Assert.Equal(Small(), _segments.Read("one", "vda"));
    }

    [Fact]
    public void AMissingFileIsNamed()
    {
        MomentException failure = Assert.Throws<MomentException>(() => _segments.Read("gone", "vda"));
        Assert.Equal(MomentErrors.SegmentUnreadable, failure.ErrorId);
        Assert.Contains(_segments.PathOf("gone"), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileLargerThanAnySidecarIsNotReadAtAll()
    {
        Directory.CreateDirectory(_scratch["segments"]);
        using (FileStream file = File.Create(_segments.PathOf("one")))
            file.SetLength(1L << 40);
        Assert.Equal(MomentErrors.SegmentUnreadable, Assert.Throws<MomentException>(() => _segments.Read("one", "vda")).ErrorId);
    }

    // The checksum is right in all of these: whoever wrote them was wrong, not the storage.
    [Theory]
    [InlineData(new long[] { 1 << 20, Grain, 1, 0, 1 << 21 })]
    [InlineData(new long[] { 1 << 20, Grain, 1, -65536, 65536 })]
    [InlineData(new long[] { 1 << 20, Grain, 1, 0, -65536 })]
    [InlineData(new long[] { 1 << 20, Grain, 2, 65536, 65536, long.MaxValue, 65536 })]
    [InlineData(new long[] { 1 << 20, Grain, 1, long.MaxValue, long.MaxValue })]
    [InlineData(new long[] { 1 << 20, Grain, int.MaxValue, 0, 65536 })]
    public void NumbersThatCannotBeAreRefused(long[] numbers)
    {
        using var content = new MemoryStream();
        using (var writer = new BinaryWriter(content, System.Text.Encoding.UTF8, leaveOpen: true))
        {
            writer.Write("MTSEGM01"u8);
            writer.Write7BitEncodedInt(1);
            writer.Write("vda");
            foreach (long number in numbers)
                writer.Write7BitEncodedInt64(number);
        }

        content.Write(SHA256.HashData(content.ToArray()));
        AssertUnreadable(content.ToArray());
    }

    private static Segment Small() => new(ExtentMap.Of(new Extent(0, Grain), new Extent(4 * Grain, 2 * Grain)), 16 * Grain, Grain);

    private static Dictionary<string, Segment> Of(params (string Disk, Segment Segment)[] parts) => parts.ToDictionary(part => part.Disk, part => part.Segment, StringComparer.Ordinal);

    private void AssertUnreadable(byte[] content)
    {
        Directory.CreateDirectory(_scratch["segments"]);
        File.WriteAllBytes(_segments.PathOf("bad"), content);
        MomentException failure = Assert.Throws<MomentException>(() => _segments.Read("bad", "vda"));
        Assert.Equal(MomentErrors.SegmentUnreadable, failure.ErrorId);
        Assert.Contains(_segments.PathOf("bad"), failure.Message, StringComparison.Ordinal);
    }
}
