using System.Security.Cryptography;
using MomentTools.Blocks;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>Saved segments, most with a checksum that agrees with the damage: whoever wrote them was wrong, not the storage.</summary>
internal sealed class SidecarTarget : IFuzzTarget
{
    private const long Grain = 65536;
    private const string Id = "x";

    private readonly ScratchDirectory _scratch = new();
    private readonly SegmentFile _segments;
    private readonly byte[] _sound;

    public SidecarTarget()
    {
        _segments = new SegmentFile(_scratch["segments"]);
        var few = new Segment(ExtentMap.Of(new Extent(0, Grain), new Extent(4 * Grain, 2 * Grain)), 16 * Grain, Grain);
        var many = new Segment(ExtentMap.Of(Enumerable.Range(0, 40).Select(index => new Extent(index * 3 * Grain, Grain))), 200 * Grain, Grain);
        _segments.Write(Id, new Dictionary<string, Segment>(StringComparer.Ordinal) { ["vda"] = many, ["vdb"] = few });
        _sound = File.ReadAllBytes(_segments.PathOf(Id));
    }

    public string Name => "sidecar";

    public int Inputs => 5000;

    public long MostBytes => 2 << 20;

    public FuzzInput Make(Random random)
    {
        byte[] content = ByteDamage.Of(_sound[..^SHA256.HashSizeInBytes], random, [(8, 20), (0, _sound.Length)]);
        return new FuzzInput([.. content, .. random.Next(8) == 0 ? _sound[^SHA256.HashSizeInBytes..] : SHA256.HashData(content)]);
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        File.WriteAllBytes(_segments.PathOf(Id), input.Whole);
        foreach (string disk in (string[])["vda", "vdb"])
        {
            Segment segment = _segments.Read(Id, disk);
            FuzzFailure.When(segment.Size < 0 || segment.Granularity < 0, $"the segment has {segment.Size} bytes in pieces of {segment.Granularity}");
            FuzzFailure.When(segment.Blocks.Count > 0 && (segment.Blocks[0].Offset < 0 || segment.Blocks[^1].End > segment.Size), "a run lies outside the disk");
        }

        return Task.FromResult(true);
    }

    public void Dispose() => _scratch.Dispose();
}
