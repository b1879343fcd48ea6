using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>Reads a stored bitmap's table and data (specification: "Bitmap table", "Bitmap data").</summary>
internal sealed class BitmapReader(ImageFile file, Qcow2Header header, Qcow2Bitmap bitmap)
{
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;

    public async Task<ExtentMap> ReadAsync(CancellationToken cancellation)
    {
        RefuseUnusable();
        ulong[] table = await file.ReadTableAsync($"table of bitmap '{bitmap.Name}'", bitmap.TableOffset.Value, bitmap.TableSize, cancellation);
        CheckTable(table);

        var scanner = new DirtyBitScanner(bitmap.GranularityBits, header.Size);
        byte[] cluster = [];
        foreach (ulong entry in table)
        {
            if ((entry & OffsetMask) == 0)
            {
                scanner.AddRun((long)header.ClusterSize * 8, dirty: (entry & 1) != 0);
                continue;
            }

            if (cluster.Length == 0)
                cluster = new byte[header.ClusterSize];
            await file.ReadExactlyAsync($"data of bitmap '{bitmap.Name}'", (long)(entry & OffsetMask), cluster, cancellation);
            scanner.Add(cluster);
        }

        return scanner.Build();
    }

    private void RefuseUnusable()
    {
        if (bitmap.InUse)
        {
            throw new MomentException(
                Qcow2Errors.Qcow2BitmapInconsistent,
                $"The bitmap '{bitmap.Name}' in '{file.Path}' is marked as in use: a machine has the image open, or ended without saving it.",
                bitmap.Name,
                "Ask the running machine instead; after a crash the changes it recorded are lost and it can only be removed.");
        }

        if (bitmap.ExtraDataSize > 0 && !bitmap.ExtraDataCompatible)
        {
            throw new MomentException(
                Qcow2Errors.Qcow2BitmapUnsupported,
                $"The bitmap '{bitmap.Name}' in '{file.Path}' has extra data that only the program which wrote it understands.",
                bitmap.Name,
                "Read or remove it with that program.");
        }

        long bits = DirtyBitScanner.CountBits(bitmap.GranularityBits, header.Size);
        long bitsPerCluster = (long)header.ClusterSize * 8;
        long expected = (bits / bitsPerCluster) + (bits % bitsPerCluster == 0 ? 0 : 1);
        if (bitmap.TableSize != expected)
            throw Invalid($"its table has {bitmap.TableSize} entries where the virtual size asks for {expected}");
    }

    private void CheckTable(ulong[] table)
    {
        foreach (ulong entry in table)
        {
            ulong offset = entry & OffsetMask;
            if ((entry & ~OffsetMask & ~1UL) != 0 || (offset != 0 && (entry & 1) != 0) || offset % (ulong)header.ClusterSize != 0)
                throw Invalid($"its table holds the entry 0x{entry:x}");
        }

        // A table that names one cluster again and again would make a small file into any number of extents.
        if (Distinct.FirstRepeated(table, OffsetMask) is { } repeated)
            throw Invalid($"its table names the cluster at 0x{repeated:x} twice");
    }

    private MomentException Invalid(string why) => Qcow2Errors.BitmapInvalid(file.Path, bitmap.Name, why);
}
