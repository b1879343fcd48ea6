using MomentTools.Blocks;

namespace MomentTools.Tests.Blocks;

public sealed class MaskedReaderTests
{
    [Fact]
    public async Task OutsideOfTheMaskNothingIsStored()
    {
        var random = new Random(3);
        for (int round = 0; round < 200; round++)
        {
            int length = random.Next(1, 40);
            BlockKind[] kinds = [.. Enumerable.Range(0, length).Select(_ => (BlockKind)random.Next(3))];
            bool[] masked = [.. Enumerable.Range(0, length).Select(_ => random.Next(2) == 0)];
            var mask = ExtentMap.Of(Enumerable.Range(0, length).Where(at => masked[at]).Select(at => new Extent(at, 1)));
            int from = random.Next(length), count = random.Next(length - from + 1);
            BlockKind[] told = new BlockKind[count];
            long at = from;
            BlockKind? before = null;
            await foreach (BlockStatus run in new MaskedReader(new Kinds(kinds), mask).StatusAsync(from, count, CancellationToken.None))
            {
                // In order, without gaps, neighbours of different kind.
                Assert.Equal(at, run.Offset);
                Assert.True(run.Length > 0);
                Assert.NotEqual(before, run.Kind);
                Array.Fill(told, run.Kind, (int)run.Offset - from, (int)run.Length);
                (at, before) = (run.End, run.Kind);
            }

            Assert.Equal(from + count, at);
            Assert.Equal(Enumerable.Range(from, count).Select(place => masked[place] ? kinds[place] : BlockKind.Unallocated), told);
        }
    }

    private sealed class Kinds(BlockKind[] kinds) : IBlockReader
    {
        public long Length => kinds.Length;

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation) => throw new NotSupportedException();

        public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            await Task.Yield();
            for (long at = offset; at < offset + length;)
            {
                long end = at + 1;
                while (end < offset + length && kinds[end] == kinds[at])
                    end++;
                yield return new BlockStatus(at, end - at, kinds[at]);
                at = end;
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
