using MomentTools.Moments;
using MomentTools.Operations.Branches;

namespace MomentTools.Tests.Operations.Branches;

public sealed class CleanlinessTests
{
    private static readonly MomentKey Clean = new(MomentKind.Snapshot, "clean");

    [Fact]
    public void AStoppedMachineWithNothingWrittenIsClean()
    {
        Cleanliness now = Make();
        Assert.True(now.IsClean);
        Assert.Empty(now.Losses);
    }

    [Fact]
    public void WhatIsWrittenIsTold()
    {
        Cleanliness now = Make(bytes: 65536);
        Assert.False(now.IsClean);
        Assert.Equal(["65536 bytes were written on disk 'vda'"], now.Losses);
    }

    [Fact]
    public void ARunningMachineAndAnotherDefinitionAreNotClean()
    {
        Assert.False(Make(runs: true).IsClean);
        Assert.False(Make(differences: ["<memory> is another one"]).IsClean);
    }

    [Fact]
    public void WhatIsNotKnownIsNotCalledClean()
    {
        Assert.Null(Make(bytes: null).IsClean);
        Assert.False(Make(runs: true, bytes: null).IsClean);
        Assert.Single(Make(bytes: null).Losses);
    }

    private static Cleanliness Make(bool runs = false, long? bytes = 0, IReadOnlyList<string>? differences = null) =>
        new(Clean, runs, differences ?? [], new Dictionary<string, long?>(StringComparer.Ordinal) { ["vda"] = bytes, ["vdb"] = 0 });
}
