using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Undo;

public sealed class UndoPlanTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    private static readonly MomentKey Clean = new(MomentKind.Snapshot, "clean");

    [Fact]
    public void ARestoreIsUndoneByGoingBackToTheTipThatWasLeftAndThatIsKeptInItsTurn()
    {
        DomainMoments restored = Restored();
        UndoPlan plan = UndoPlan.Make("web1", restored, null, "second", Now);
        Assert.Equal("main", plan.Target);
        Assert.Equal(restored.Disk("vda").Tips["mt-first"], plan.Next.Disk("vda").Tips["main"]);
        Assert.Equal(restored.Disk("vda").Tips["main"], plan.Next.Disk("vda").Tips["mt-second"]);
        KeptAside kept = plan.Next.Kept[^1];
        Assert.Equal(("second", "Undo-VMSnapshot", "mt-second", "main"), (kept.Id, kept.Operation, kept.Branch, kept.BranchName));
        // It can be undone again.
        UndoPlan again = UndoPlan.Make("web1", plan.Next.Activate("main"), null, "third", Now);
        Assert.Equal(restored.Disk("vda").Tips["main"], again.Next.Disk("vda").Tips["main"]);
    }

    [Fact]
    public void OfABranchThatTheMachineIsNotOnOnlyTheTipComesBack()
    {
        DomainMoments restored = Restored();
        DomainMoments elsewhere = Forked(restored, "work", "l4").Activate("work");
        UndoPlan plan = UndoPlan.Make("web1", elsewhere, null, "second", Now);
        Assert.Null(plan.Target);
        Assert.Equal("work", plan.Next.ActiveBranch);
        Assert.Equal(restored.Disk("vda").Tips["mt-first"], plan.Next.Disk("vda").Tips["main"]);
    }

    [Fact]
    public void ADiskThatTheSnapshotDidNotCoverStaysOnItsBranch()
    {
        DomainMoments restored = Restored();
        DiskTracking other = new DiskTracking { Disk = "vdb" }.Checkpoint(new MomentKey(MomentKind.Checkpoint, "c"), new TrackingLayer("b", "/b", null), 1, [], "c", "pb", "tb");
        UndoPlan plan = UndoPlan.Make("web1", restored.With(other), null, "second", Now);
        Assert.Equal(other.Tips["main"], plan.Next.Disk("vdb").ActiveTip);
        Assert.Equal(("main", "main"), (plan.Next.Disk("vdb").ActiveBranch, plan.Next.ActiveBranch));
    }

    [Fact]
    public void ARemovedBranchGetsItsNameBack()
    {
        DomainMoments removed = Removed();
        UndoPlan plan = UndoPlan.Make("web1", removed, null, "second", Now);
        Assert.Null(plan.Target);
        Assert.Empty(plan.Next.Kept);
        Assert.Contains("work", plan.Next.BranchNames);
        Assert.DoesNotContain(plan.Next.BranchNames, name => name.StartsWith("mt-", StringComparison.Ordinal));
        Assert.Equal("main", plan.Next.ActiveBranch);
    }

    [Fact]
    public void ANameThatWasTakenMeanwhileRefuses()
    {
        MomentException taken = Assert.Throws<MomentException>(() => UndoPlan.Make("web1", Forked(Removed(), "work", "l5"), null, "second", Now));
        Assert.Equal(UndoErrors.UndoNameTaken, taken.ErrorId);
        Assert.Contains("'work'", taken.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NothingIsKeptAndKeptTooLongAreToldApart()
    {
        Assert.Equal(UndoErrors.UndoNothing, Assert.Throws<MomentException>(() => UndoPlan.Make("web1", Story(), null, "x", Now)).ErrorId);
        Assert.Equal(UndoErrors.UndoNothing, Assert.Throws<MomentException>(() => UndoPlan.Make("web1", Restored(), "other", "x", Now)).ErrorId);
        Assert.Equal(UndoErrors.UndoExpired, Assert.Throws<MomentException>(() => UndoPlan.Make("web1", Restored(), "first", "x", Now.AddHours(2))).ErrorId);
    }

    [Fact]
    public void OnlyTheLastIsKept()
    {
        DomainMoments twice = Restored();
        twice = Forked(twice.RenameBranch("main", "mt-second"), "main", "l5").Activate("main");
        twice = KeepAside.Add(twice, KeepAside.Of("second", "Restore-VMSnapshot", null, "mt-second", "main"));
        Assert.Equal(["first"], KeepAside.Expired(twice, DateTimeOffset.UtcNow).Select(kept => kept.Id));
        Assert.Equal(UndoErrors.UndoExpired, Assert.Throws<MomentException>(() => UndoPlan.Make("web1", twice, "first", "x", DateTimeOffset.UtcNow)).ErrorId);
        Assert.Equal("second", UndoPlan.Make("web1", twice, null, "x", DateTimeOffset.UtcNow).Kept.Id);
        DomainMoments collected = KeepAside.LetGo(twice, twice.Kept[0]);
        Assert.Equal(["main", "mt-second"], collected.BranchNames.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void WhatWasForgottenIsLetGoWithItsRecordAlone()
    {
        DomainMoments story = Restored();
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        KeptAside kept = KeepAside.Of("second", "Remove-VMSnapshot", null, null, null, files);
        DomainMoments forgotten = KeepAside.Add(story.Forget([Clean], kept), kept);
        // Two branches begin at the point: it stays as a ghost however long.
        Assert.Equal("second", forgotten.Kept[^1].Id);
        DomainMoments gone = forgotten.Kept.Aggregate(forgotten, KeepAside.LetGo);
        Assert.DoesNotContain(gone.Disk("vda").Points.Values, point => point.Kept);
        Assert.Equal(["first"], KeepAside.Expired(forgotten, DateTimeOffset.UtcNow).Select(one => one.Id));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void ZeroKeepsNothing(int seconds) =>
        Assert.Single(KeepAside.Expired(DomainMoments.Empty.With(KeepAside.Of("x", "Restore-VMSnapshot", TimeSpan.FromSeconds(seconds), null, null)), DateTimeOffset.UtcNow));

    [Fact]
    public void ForEverIsAllowed() => Assert.Empty(KeepAside.Expired(DomainMoments.Empty.With(KeepAside.Of("x", "y", TimeSpan.MaxValue, null, null)), DateTimeOffset.UtcNow.AddYears(1000)));

    // One disk, a snapshot, and a tip on the layer on top of it.
    private static DomainMoments Story()
    {
        var disk = new DiskTracking { Disk = "vda" };
        DiskTracking frozen = disk.Freeze(Clean, new TrackingLayer("l1", "/1", null), new TrackingLayer("l2", "/2", "l1") { Made = true }, 1 << 20, [], "mt-a", "p1", "t1");
        var moment = new StoredMoment(Clean, "m1", new SnapshotDocument { Name = "clean", CreationTime = 1 }, null, Now, null);
        return DomainMoments.Empty.With(moment).With(frozen);
    }

    private static DomainMoments Restored()
    {
        DomainMoments left = Story().RenameBranch("main", "mt-first");
        return KeepAside.Add(Forked(left, "main", "l3").Activate("main"), KeepAside.Of("first", "Restore-VMSnapshot", null, "mt-first", "main"));
    }

    private static DomainMoments Removed()
    {
        DomainMoments story = Forked(Story(), "work", "l4").RenameBranch("work", "mt-first");
        return KeepAside.Add(story, KeepAside.Of("first", "Remove-VMBranch", null, "mt-first", "work"));
    }

    private static DomainMoments Forked(DomainMoments state, string branch, string layer) =>
        state.With(state.Disk("vda").Fork(branch, "p1", new TrackingLayer(layer, "/" + layer, "l1") { Made = true }, 1 << 20, "mt-" + layer, "t" + layer)).With(new Branch(branch) { Start = Clean });
}
