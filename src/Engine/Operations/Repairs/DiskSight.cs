using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>What a repair goes by: a disk as it is, and what could be made of it.</summary>
/// <param name="Path">The active image.</param>
/// <param name="Seen">What is on it; salvaged bitmaps count as what they will be.</param>
/// <param name="Salvaged">The bitmaps whose flag is to be cleared, with the bytes that QEMU must count in each afterwards.</param>
/// <param name="Salvage">The decision about them; null for a machine that runs.</param>
/// <param name="Allocation">What the layer holds; null where nobody asked, and for a machine that runs.</param>
internal sealed record DiskSight(string Path, ObservedLayer Seen, IReadOnlyDictionary<string, long> Salvaged, Salvage? Salvage, LayerAllocation? Allocation)
{
    /// <summary>The same without salvage: what is on the disk as it is.</summary>
    public DiskSight AsItIs => this with
    {
        Seen = Seen with { Bitmaps = Seen.Bitmaps.Values.Select(bitmap => Salvaged.ContainsKey(bitmap.Name) ? bitmap with { Inconsistent = true } : bitmap).ToDictionary(bitmap => bitmap.Name, StringComparer.Ordinal) },
        Salvaged = new Dictionary<string, long>(StringComparer.Ordinal),
    };

    /// <summary>Looks at the disk of a running machine, as QEMU has it open: its file says nothing of what was written since.</summary>
    public static DiskSight Live(ObservedLayer seen) => new(seen.Path, seen, new Dictionary<string, long>(StringComparer.Ordinal), null, null);

    /// <summary>Looks at the files of a stopped machine.</summary>
    public static async Task<DiskSight> StoredAsync(DomainDocument domain, DomainMoments state, string disk, SegmentFile segments, CancellationToken cancellation)
    {
        DomainDisk definition = domain.FindDisk(disk)!;
        string path = definition.SourcePath!;
        DiskTracking tracking = state.Disk(disk);
        ObservedLayer seen = await ObservedLayer.ReadAsync(path, cancellation);
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        Salvage salvage = await Repairs.Salvage.PlanAsync(image, tracking, segments, cancellation);
        Dictionary<string, long> salvaged = new(StringComparer.Ordinal);
        foreach (Qcow2Bitmap bitmap in (await image.BitmapsAsync(cancellation)).Where(bitmap => salvage.Names.Contains(bitmap.Name, StringComparer.Ordinal)))
            salvaged[bitmap.Name] = Granules(await BitmapRescue.ReadAsync(image, bitmap, cancellation), bitmap.Granularity);
        seen = seen with { Bitmaps = seen.Bitmaps.Values.Select(bitmap => salvaged.TryGetValue(bitmap.Name, out long bytes) ? bitmap with { Inconsistent = false, Count = bytes } : bitmap).ToDictionary(bitmap => bitmap.Name, StringComparer.Ordinal) };
        LayerAllocation? allocation = null;
        if (tracking.ActiveTip is not null && new TrackingProof(tracking, seen).OwnDoubt is not null)
            allocation = await LayerAllocation.ReadAsync(image, tracking, state, await BeneathAsync(domain, definition, cancellation), DateTimeOffset.UtcNow, cancellation);
        return new DiskSight(path, seen, salvaged, salvage, allocation);
    }

    /// <summary>Whether the disk, opened meanwhile, is still what the repair was made for, and QEMU reads in it what we read.</summary>
    public bool Agrees(ObservedLayer opened) =>
        opened.Path == Seen.Path && opened.Size == Seen.Size && opened.Bitmaps.Count == Seen.Bitmaps.Count
        && Seen.Bitmaps.Values.All(mine => opened.Bitmaps.TryGetValue(mine.Name, out ObservedBitmap? theirs)
            && mine.Inconsistent == theirs.Inconsistent && mine.Granularity == theirs.Granularity && (mine.Inconsistent || mine.Recording == theirs.Recording)
            && (!Salvaged.TryGetValue(mine.Name, out long bytes) || theirs.Count == bytes));

    // QEMU counts whole blocks, the last one too.
    private static long Granules(ExtentMap blocks, long granularity) => blocks.RoundOut(granularity, long.MaxValue).TotalLength;

    private static async Task<IReadOnlyList<string>> BeneathAsync(DomainDocument domain, DomainDisk definition, CancellationToken cancellation)
    {
        try
        {
            return [.. (await DiskChain.ResolveAsync(domain.Name, definition, readOnly: true, cancellation)).Skip(1).Select(layer => layer.Path)];
        }
        catch (MomentException)
        {
            // Told as a finding of its own; without the layers beneath nothing is concluded from this one.
            return [];
        }
    }
}
