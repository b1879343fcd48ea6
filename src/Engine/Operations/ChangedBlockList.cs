using System.Collections;
using MomentTools.Blocks;

namespace MomentTools.Operations;

/// <summary>
/// The runs of some disks as users see them, disk by disk in order of offset. Each is made when it is asked for: of a million only the one
/// that is looked at takes room.
/// </summary>
internal sealed class ChangedBlockList : IReadOnlyList<VMChangedBlock>
{
    private readonly string _vm;
    private readonly DiskRuns[] _disks;

    public ChangedBlockList(string vm, IEnumerable<DiskChanges> changes)
    {
        _vm = vm;
        _disks = [.. changes.Select(disk => new DiskRuns(disk))];
        Count = _disks.Sum(disk => disk.Count);
    }

    public int Count { get; }

    public VMChangedBlock this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return this.Skip(index).First();
        }
    }

    public IEnumerator<VMChangedBlock> GetEnumerator()
    {
        foreach (DiskRuns disk in _disks)
        {
            // Whoever reads each run as it comes finds the content open.
            using IDisposable? hold = disk.Content?.Hold();
            for (int stored = 0, zero = 0; stored + zero < disk.Count;)
            {
                bool takeStored = zero == disk.Zero.Count || (stored < disk.Stored.Count && disk.Stored[stored].Offset < disk.Zero[zero].Offset);
                Extent run = takeStored ? disk.Stored[stored++] : disk.Zero[zero++];
                yield return new VMChangedBlock
                {
                    VM = _vm,
                    Disk = disk.Name,
                    Offset = run.Offset,
                    Length = run.Length,
                    Kind = takeStored ? disk.Kind : VMChangedBlock.Zero,
                    Content = disk.Content,
                };
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>One disk's runs, each all data or all zeroes; between two moments of the past they are just written.</summary>
    private sealed class DiskRuns(DiskChanges changes)
    {
        public string Name { get; } = changes.Disk;

        public ExtentMap Stored { get; } = changes.Zero is null ? changes.Blocks : changes.Blocks.Subtract(changes.Zero);

        public ExtentMap Zero { get; } = changes.Zero ?? ExtentMap.Empty;

        public string Kind { get; } = changes.Zero is null ? VMChangedBlock.Written : VMChangedBlock.Data;

        public IBlockContent? Content { get; } = changes.Content;

        public int Count => Stored.Count + Zero.Count;
    }
}
