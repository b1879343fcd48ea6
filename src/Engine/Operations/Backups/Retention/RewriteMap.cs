using MomentTools.Blocks;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// What a disk's new file has to store so that it shows on its new parent what it showed before: wherever a file above the common ancestor of
/// the two chains says something, be it zeroes. Elsewhere both show what the ancestor shows. More than that is never wrong, less always.
/// </summary>
/// <param name="Blocks">Whole granules, the last cut at the disk's end.</param>
/// <param name="Read">The files whose content gets into the new one or decides what does: they must agree with their hashes.</param>
/// <param name="Compressed">Whether what is stored again was compressed.</param>
internal sealed record RewriteMap(ExtentMap Blocks, IReadOnlyList<BackupChain.Link> Read, bool Compressed)
{
    /// <summary>The clusters of the new file, and the granularity of the bitmap that tells what is copied.</summary>
    public const long Granularity = 65536;

    /// <param name="chain">The files as they are.</param>
    /// <param name="parent">The new parent's files, or null: the new file stands on nothing.</param>
    public static async Task<RewriteMap> MakeAsync(BackupChain chain, BackupChain? parent, CancellationToken cancellation)
    {
        long length = chain.Top.Disk.VirtualSize;
        HashSet<string> known = parent is null ? [] : [.. chain.Links.Select(link => link.Path).Intersect(parent.Links.Select(link => link.Path), StringComparer.Ordinal)];
        BackupChain.Link[] above = Above(chain, known), parents = parent is null ? [] : Above(parent, known);
        var sum = ExtentMap.Empty;
        bool compressed = false;
        foreach (BackupChain.Link link in above.Concat(parents))
        {
            (ExtentMap allocated, bool some) = await AllocatedAsync(link, withZeroes: parent is not null, cancellation);
            sum = sum.Union(allocated);
            compressed |= some;
        }

        // A file shorter than the disk hides what lies beneath behind its end: zeroes there, which another parent need not have.
        long shortest = chain.Links.Concat(parent?.Links ?? []).Min(link => link.Disk.VirtualSize);
        if (parent is not null && shortest < length)
            sum = sum.Union(ExtentMap.Of(new Extent(shortest, length - shortest)));
        ExtentMap told = sum.Clip(length), blocks = told.RoundOut(Granularity, length);
        // Where smaller clusters leave a part of a granule, or a file ends within, that part is read from what lies beneath.
        bool beneath = blocks.TotalLength > told.TotalLength || parent is not null && shortest < length;
        return new RewriteMap(blocks, [.. beneath ? chain.Links : above, .. parents], compressed);
    }

    private static BackupChain.Link[] Above(BackupChain chain, HashSet<string> known) => [.. chain.Links.TakeWhile(link => !known.Contains(link.Path))];

    private static async Task<(ExtentMap Allocated, bool Compressed)> AllocatedAsync(BackupChain.Link link, bool withZeroes, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(link.Path, cancellation);
        var allocated = new ExtentMapBuilder();
        bool compressed = false;
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Length, cancellation))
        {
            compressed |= run is Qcow2Mapping.Compressed;
            if (run is Qcow2Mapping.Data or Qcow2Mapping.Compressed || (withZeroes && run is Qcow2Mapping.Zero))
                allocated.Add(run.Offset.Value, run.Length);
        }

        return (allocated.Build(), compressed);
    }
}
