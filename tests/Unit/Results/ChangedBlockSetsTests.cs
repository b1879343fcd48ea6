using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;

namespace MomentTools.Tests.Results;

/// <summary>The algebra of changed blocks against the plainest model there is: one letter a byte.</summary>
public sealed class ChangedBlockSetsTests
{
    private const int Size = 48;

    // Nothing, written, data, zero.
    private static readonly Gen<char[]> Letters = Gen.Elements('.', '.', 'W', 'D', 'Z').ArrayOf(Size);

    [Fact]
    public void UnionIsInEither() => Check(VMChangedBlock.Union, (a, b) => a == '.' ? b : b == '.' ? a : Both(a, b));

    [Fact]
    public void IntersectIsInBoth() => Check(VMChangedBlock.Intersect, (a, b) => a == '.' || b == '.' ? '.' : Both(a, b));

    [Fact]
    public void SubtractIsInTheFirstAlone() => Check(VMChangedBlock.Subtract, (a, b) => b == '.' ? a : '.');

    [Fact]
    public void AListMayComeInAnyOrderAndOverlap() =>
        Prop.ForAll(Letters.ToArbitrary(), Letters.ToArbitrary(), (a, b) =>
        {
            VMChangedBlock[] mixed = [.. Blocks(a).Concat(Blocks(b)).OrderBy(block => (block.Offset * 7) % 5)];
            Assert.Equal(VMChangedBlock.Union(Blocks(a), Blocks(b)), VMChangedBlock.Union(mixed, []));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void EachDiskIsTakenForItself()
    {
        VMChangedBlock[] left = [Block("vda", 0, 10), Block("vdb", 0, 10)], right = [Block("vdb", 5, 10)];
        Assert.Equal([Block("vda", 0, 10), Block("vdb", 0, 5)], VMChangedBlock.Subtract(left, right));
        Assert.Equal([Block("vdb", 5, 5)], VMChangedBlock.Intersect(left, right));
        Assert.Equal([Block("vda", 0, 10), Block("vdb", 0, 15)], VMChangedBlock.Union(left, right));
    }

    [Fact]
    public void NothingIsAnEmptyList()
    {
        Assert.Empty(VMChangedBlock.Union(null, null));
        Assert.Equal([Block("vda", 0, 10)], VMChangedBlock.Union([Block("vda", 0, 10)], null));
        Assert.Empty(VMChangedBlock.Intersect(null, [Block("vda", 0, 10)]));
    }

    [Fact]
    public void BlocksOfTwoMachinesAreRefused() => Assert.Equal(ChangedBlockErrors.BlocksOfSeveralMachines, Assert.Throws<MomentException>(
        () => VMChangedBlock.Union([Block("vda", 0, 10)], [Block("vda", 0, 10) with { VM = "other" }])).ErrorId);

    [Fact]
    public void WhatCanBeReadIsTheFirstListsContent()
    {
        IBlockContent one = new NoContent(), other = new NoContent();
        VMChangedBlock[] left = [Block("vda", 0, 10) with { Content = one }], right = [Block("vda", 5, 10) with { Content = other, Kind = "Zero" }];
        VMChangedBlock[] all = VMChangedBlock.Union(left, right);
        Assert.Equal([(0L, 10L, "Data"), (10L, 5L, "Zero")], all.Select(block => (block.Offset, block.Length, block.Kind)));
        Assert.Equal([one, other], all.Select(block => block.Content));
        VMChangedBlock both = Assert.Single(VMChangedBlock.Intersect([Block("vda", 0, 10)], right));
        Assert.Equal((other, "Zero"), (both.Content, both.Kind));
    }

    private static char Both(char a, char b) => a == 'D' || b == 'D' ? 'D' : a == 'Z' || b == 'Z' ? 'Z' : 'W';

    private static void Check(Func<VMChangedBlock[], VMChangedBlock[], VMChangedBlock[]> operation, Func<char, char, char> model) =>
        Prop.ForAll(Letters.ToArbitrary(), Letters.ToArbitrary(), (a, b) =>
            Assert.Equal(Blocks([.. a.Zip(b, model)]), operation(Blocks(a), Blocks(b)))).QuickCheckThrowOnFailure();

    private static VMChangedBlock[] Blocks(char[] letters)
    {
        List<VMChangedBlock> blocks = [];
        for (int at = 0, end; at < letters.Length; at = end)
        {
            for (end = at + 1; end < letters.Length && letters[end] == letters[at];)
                end++;
            if (letters[at] != '.')
                blocks.Add(Block("vda", at, end - at) with { Kind = letters[at] switch { 'W' => "Written", 'D' => "Data", _ => "Zero" } });
        }

        return [.. blocks];
    }

    private static VMChangedBlock Block(string disk, long offset, long length) => new() { VM = "web1", Disk = disk, Offset = offset, Length = length, Kind = "Data" };

    private sealed class NoContent : IBlockContent
    {
        public IDisposable Hold() => throw new NotSupportedException();

        public Stream OpenRead(long offset, long length, bool isZero) => throw new NotSupportedException();
    }
}
