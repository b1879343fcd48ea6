using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Qmp;
using MomentTools.Tests.Moments;

namespace MomentTools.Tests.Operations;

/// <summary>What a checkpoint does to a disk: rows C1 and C3.</summary>
public sealed class CheckpointPlanTests
{
    [Fact]
    public void TheFirstOpensABitmapOfItsNameAndClosesNone()
    {
        var disk = new SimulatedDisk();
        CheckpointStep step = Assert.Single(disk.Checkpoint("a", "side").Steps);
        Assert.Equal(("a", null, null, null), (step.Opened, step.Closed, step.OldMarker, step.Copy));
        Assert.Equal(["a", disk.Tracking.ActiveTip!.Marker], disk.Seen.Bitmaps.Keys.Order(StringComparer.Ordinal));
        Assert.True(disk.Seen.Bitmaps["a"] is { Recording: true, Persistent: true, Granularity: TrackingProof.Granularity });
    }

    [Fact]
    public void TheNextOpensFirstAndClosesLast()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        CheckpointStep step = Assert.Single(disk.Checkpoint("b", "side").Steps);
        string[] actions = [.. step.Actions().Select(action => $"{action.Type} {action.Data["name"] ?? action.Data["target"]}")];
        Assert.True(Array.IndexOf(actions, "block-dirty-bitmap-add b") < Array.IndexOf(actions, "block-dirty-bitmap-disable a"));
        Assert.True(Array.IndexOf(actions, "block-dirty-bitmap-disable a") < Array.IndexOf(actions, $"block-dirty-bitmap-merge {step.Copy}"));
        Assert.Equal([new SegmentSource.Bitmap(disk.Tracking.ActiveTip!.LayerId, "a", "side")], disk.Tracking.PointOf(Sample.Checkpoint("b"))!.Sources);
        Assert.Equal(["b"], disk.Seen.Bitmaps.Values.Where(bitmap => bitmap.Recording).Select(bitmap => bitmap.Name));
        Assert.Single(disk.Seen.Bitmaps.Keys, name => name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("inconsistent")]
    [InlineData("switched")]
    public void AnEdgeThatIsNotProvenIsLostAndNoBitmapIsClosedInItsPlace(string trouble)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        TrackingProofTests.Harm(disk, "a", trouble);
        CheckpointPlan plan = disk.Checkpoint("b", "side");
        Assert.Equal(["vda"], plan.Doubts.Keys);
        Assert.Null(Assert.Single(plan.Steps).Closed);
        Assert.IsType<SegmentSource.Lost>(Assert.Single(disk.Tracking.PointOf(Sample.Checkpoint("b"))!.Sources));
        Assert.Null(new TrackingProof(disk.Tracking, disk.Seen).Doubt);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ABitmapOfTheNameThatIsInTheImageAlreadyIsNeverTakenOver(bool inconsistent)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        disk.Run([TransactionAction.BitmapAdd(SimulatedDisk.Node, "b", persistent: true, TrackingProof.Granularity)]);
        disk.Change("b", bitmap => bitmap with { Inconsistent = inconsistent });
        MomentException failure = Assert.Throws<MomentException>(() => disk.Checkpoint("b", "side"));
        Assert.Equal(OperationErrors.BitmapExists, failure.ErrorId);
        Assert.Contains("'b'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherImageThanTheRecordedOneBlocksTheDisk()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        SessionDisk other = SimulatedDisk.Session with { Path = "/images/other.qcow2" };
        MomentException failure = Assert.Throws<MomentException>(() =>
            CheckpointPlan.Make(disk.State, SimulatedDisk.Moment("b"), "op", "side", [other], new Dictionary<string, ObservedLayer>(StringComparer.Ordinal) { ["vda"] = disk.Seen }));
        Assert.Equal(OperationErrors.DiskLayerUnexpected, failure.ErrorId);
        Assert.Contains("/images/other.qcow2", failure.Message, StringComparison.Ordinal);
        Assert.Contains(SimulatedDisk.Image, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UndoneItRecordsAsBeforeAndHasForgottenNothing()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        DomainMoments before = disk.State;
        CheckpointStep step = Assert.Single(disk.Checkpoint("b", "side").Steps);
        disk.Write(7);
        disk.Run(step.UndoActions(SimulatedDisk.Node, disk.Seen));
        disk.Adopt(before.Disk("vda"));
        disk.Write(9);
        Assert.Null(new TrackingProof(disk.Tracking, disk.Seen).Doubt);
        Assert.Equal([0, 7, 9], disk.Bits("a").Order());
        Assert.Empty(step.UndoActions(SimulatedDisk.Node, disk.Seen));
    }
}
