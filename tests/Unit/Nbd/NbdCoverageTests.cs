using FsCheck;
using FsCheck.Fluent;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>The bookkeeping of a read's chunks against one flag a byte.</summary>
public sealed class NbdCoverageTests
{
    private const int Size = 40;

    [Fact]
    public void ARunIsTakenOnceAndCounted()
    {
        Gen<(int Start, int Length)[]> runs = (from start in Gen.Choose(0, Size - 1)
                                               from length in Gen.Choose(1, Math.Min(6, Size - start))
                                               select (start, length)).ArrayOf(30);
        Prop.ForAll(runs.ToArbitrary(), taken =>
        {
            var coverage = new NbdCoverage();
            bool[] model = new bool[Size];
            foreach ((int start, int length) in taken)
            {
                bool free = !model.AsSpan(start, length).Contains(true);
                Assert.Equal(free, coverage.TryAdd((uint)start, (uint)length));
                if (free)
                    model.AsSpan(start, length).Fill(true);
                Assert.Equal(model.Count(flag => flag), coverage.Total);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void LoosePiecesAreBounded()
    {
        var coverage = new NbdCoverage();
        for (uint piece = 0; piece < NbdLimits.MaxPieces; piece++)
            Assert.True(coverage.TryAdd(piece * 2, 1));
        Assert.False(coverage.TryAdd(NbdLimits.MaxPieces * 2, 1));
        Assert.True(coverage.TryAdd(1, 1));
    }
}
