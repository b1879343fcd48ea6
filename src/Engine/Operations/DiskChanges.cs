using MomentTools.Blocks;

namespace MomentTools.Operations;

/// <summary>What one disk's answer is made of.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Size">Its virtual size in bytes, now.</param>
/// <param name="Blocks">What changed.</param>
/// <param name="Zero">What reads as zeroes now and is stored nowhere; empty where it was not asked for.</param>
internal sealed record DiskChanges(string Disk, long Size, ExtentMap Blocks, ExtentMap Zero)
{
    /// <summary>The runs in order of offset, each all data or all zeroes.</summary>
    public IEnumerable<VMChangedBlock> ToResults(string vm) =>
        Blocks.Subtract(Zero).Select(run => (Run: run, Kind: "Data"))
            .Concat(Zero.Select(run => (Run: run, Kind: "Zero")))
            .OrderBy(one => one.Run.Offset)
            .Select(one => new VMChangedBlock { VM = vm, Disk = Disk, Offset = one.Run.Offset, Length = one.Run.Length, Kind = one.Kind });
}
