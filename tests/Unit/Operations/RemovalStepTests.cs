using MomentTools.Blocks;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Removing any of four checkpoints, alone or together, with and without sidecars, with any one bitmap gone or inconsistent: what stays
/// answers as before, or says that it cannot; never less.
/// </summary>
public sealed class RemovalStepTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c", "d"];
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    public static TheoryData<bool, string?, string> Circumstances()
    {
        var data = new TheoryData<bool, string?, string>();
        foreach (bool sidecars in (bool[])[true, false])
        {
            data.Add(sidecars, null, "none");
            foreach (string bitmap in Names)
                foreach (string trouble in (string[])["missing", "inconsistent", "switched"])
                    data.Add(sidecars, bitmap, trouble);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Circumstances))]
    public void WhatStaysAnswersAsBeforeOrSaysThatItCannot(bool sidecars, string? harmed, string trouble)
    {
        foreach (string[] removed in Subsets())
        {
            SimulatedDisk disk = SimulatedDisk.WithLine(sidecars, Names);
            SegmentFile segments = Sidecars(sidecars);
            if (harmed is not null)
                TrackingProofTests.Harm(disk, harmed, trouble);
            RemovalStep step = RemovalStep.Make(disk.Tracking, [.. removed.Select(Sample.Checkpoint)], disk.Seen, SimulatedDisk.Node, "op");
            Merge(segments, step);
            disk.Run(step.Actions);
            disk.Adopt(step.Next);
            disk.Write(40);

            string circumstances = $"removed {string.Join(' ', removed)}, sidecars {sidecars}, {harmed} {trouble}";
            Assert.All(removed, name => Assert.False(disk.Seen.Bitmaps.ContainsKey(name), $"the name {name} is not free: {circumstances}"));
            Assert.Equal(step.Removed.Order(StringComparer.Ordinal), step.Removed.Except(disk.Seen.Bitmaps.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal));
            AssertAnswers(disk, segments, harmed, sidecars, removed, circumstances);
            AssertTidy(disk, circumstances);
        }
    }

    [Fact]
    public void ATreeWithoutMomentsLeavesNoBitmap()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, Names);
        RemovalStep step = RemovalStep.Make(disk.Tracking, [.. Names.Select(Sample.Checkpoint)], disk.Seen, SimulatedDisk.Node, "op");
        disk.Run(step.Actions);
        Assert.Empty(disk.Seen.Bitmaps);
        Assert.Empty(step.Next.Points);
    }

    [Fact]
    public void AMomentThatDoesNotCoverTheDiskChangesNothing()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, Names);
        RemovalStep step = RemovalStep.Make(disk.Tracking, [Sample.Checkpoint("elsewhere")], disk.Seen, SimulatedDisk.Node, "op");
        Assert.Empty(step.Actions);
        Assert.Equal(disk.Tracking.Points, step.Next.Points);
    }

    private static void AssertAnswers(SimulatedDisk disk, SegmentFile segments, string? harmed, bool sidecars, string[] removed, string circumstances)
    {
        for (int index = 0; index < Names.Length; index++)
        {
            if (removed.Contains(Names[index], StringComparer.Ordinal))
                continue;
            var path = ChangePath.SinceMoment(disk.Tracking, Sample.Checkpoint(Names[index]), disk.Seen, segments);
            HashSet<int> expected = [.. Enumerable.Range(index, Names.Length - index), 40];
            // Only the recording bitmap has no sidecar; a closed one that is gone is made up for, unless it had none.
            bool mayBeUnknown = harmed is not null && Array.IndexOf(Names, harmed) >= index && (!sidecars || harmed == Names[^1]);
            if (path.Doubt is not null)
            {
                Assert.True(mayBeUnknown, $"since {Names[index]}: {path.Doubt}: {circumstances}");
                continue;
            }

            HashSet<int> answer = [.. path.Bitmaps.SelectMany(disk.Bits), .. path.Saved.SelectMany(extent => Enumerable.Range((int)(extent.Offset / TrackingProof.Granularity), (int)(extent.Length / TrackingProof.Granularity)))];
            Assert.True(expected.SetEquals(answer), $"since {Names[index]}: {string.Join(' ', answer.Order())}: {circumstances}");
        }
    }

    // One bitmap records, all of ours are on an edge, and their sidecars are there.
    private static void AssertTidy(SimulatedDisk disk, string circumstances)
    {
        HashSet<string> used = [.. disk.Tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Select(bitmap => bitmap.Name)];
        if (disk.Tracking.ActiveTip is { } tip)
            used.Add(tip.Marker);
        Assert.True(disk.Seen.Bitmaps.Keys.All(used.Contains), $"{string.Join(' ', disk.Seen.Bitmaps.Keys.Except(used, StringComparer.Ordinal))} belongs to nobody: {circumstances}");
    }

    private SegmentFile Sidecars(bool written)
    {
        var segments = new SegmentFile(_scratch[Guid.NewGuid().ToString("N")]);
        for (int index = 0; written && index + 1 < Names.Length; index++)
            segments.Write("side" + Names[index + 1], Of(ExtentMap.Of(new Extent(index * TrackingProof.Granularity, TrackingProof.Granularity))));
        return segments;
    }

    private static void Merge(SegmentFile segments, RemovalStep step)
    {
        foreach ((string merged, IReadOnlyList<string> sources) in step.Sidecars)
            segments.Write(merged, Of(sources.Aggregate(ExtentMap.Empty, (union, source) => union.Union(segments.Read(source, "vda").Blocks))));
    }

    private static Dictionary<string, Segment> Of(ExtentMap blocks) =>
        new(StringComparer.Ordinal) { ["vda"] = new Segment(blocks, SimulatedDisk.Size, TrackingProof.Granularity) };

    private static IEnumerable<string[]> Subsets() =>
        Enumerable.Range(1, (1 << Names.Length) - 1).Select(mask => Names.Where((_, index) => (mask >> index & 1) != 0).ToArray());
}
