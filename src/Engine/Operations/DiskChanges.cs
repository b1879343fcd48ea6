using MomentTools.Blocks;

namespace MomentTools.Operations;

/// <summary>What one disk's answer is made of.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Size">Its virtual size in bytes: now, or the larger one of two moments.</param>
/// <param name="Blocks">What changed.</param>
/// <param name="Zero">What of it reads as zeroes now and is stored nowhere; null where it was not asked for, or neither end is now.</param>
/// <param name="Doubt">Why the answer is unknown, or null; told only where each disk is told for itself, else it is an error.</param>
internal sealed record DiskChanges(string Disk, long Size, ExtentMap Blocks, ExtentMap? Zero, string? Doubt = null)
{
    /// <summary>The content up to which it changed, to be read; null where it was not asked for.</summary>
    public IBlockContent? Content { get; init; }

    /// <param name="vm">The machine.</param>
    /// <param name="since">One end.</param>
    /// <param name="to">The other, or null: now.</param>
    public VMChangedBlockMeasure ToMeasure(string vm, string since, string? to) =>
        new() { VM = vm, Disk = Disk, Since = since, To = to, Bytes = Blocks.TotalLength, Count = Blocks.Count, DiskSize = Size };
}
