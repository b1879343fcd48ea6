using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Get-VMBitmap: what really is in the images, known to a moment or not, the active layer first and then those below. Of a running machine
/// the active layer is asked of QEMU; the layers below do not change and are read from their files.
/// </summary>
internal sealed class BitmapListing(EngineContext context)
{
    public async Task<IReadOnlyList<VMBitmap>> RunAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        foreach (string disk in disks)
            if (domain.FindDisk(disk) is null)
                throw DiskNaming.Unknown(disk, domain);
        DomainDisk[] asked = [.. domain.Disks.Where(disk => disk.Format == "qcow2" && disk.SourcePath is not null && (disks.Count == 0 || disks.Contains(disk.Target, StringComparer.Ordinal)))];
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        IReadOnlyDictionary<string, ObservedLayer> live = runs ? await LiveAsync(place, domain, asked, cancellation) : new Dictionary<string, ObservedLayer>(StringComparer.Ordinal);
        List<VMBitmap> found = [];
        foreach (DomainDisk disk in asked)
        {
            IEnumerable<VMBitmap> active = live.TryGetValue(disk.Target, out ObservedLayer? seen)
                ? seen.Bitmaps.Values.Select(bitmap => Of(seen.Path, bitmap))
                : await OfFileAsync(disk.SourcePath!, cancellation);
            var owner = new BitmapOwner(state.Disk(disk.Target));
            found.AddRange(active.Concat(await BelowAsync(vm, disk, report, cancellation)).Select(bitmap => Owned(bitmap with { VM = vm, Disk = disk.Target }, owner)));
        }

        return found;
    }

    /// <summary>The bitmaps of one image file.</summary>
    public static async Task<IReadOnlyList<VMBitmap>> OfFileAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        List<VMBitmap> found = [];
        foreach (Qcow2Bitmap bitmap in await image.BitmapsAsync(cancellation))
        {
            ExtentMap? blocks = bitmap.InUse ? null : await image.ReadBitmapAsync(bitmap, cancellation);
            found.Add(new VMBitmap
            {
                Path = path,
                Name = bitmap.Name,
                Granularity = bitmap.Granularity,
                Size = blocks?.TotalLength,
                State = bitmap.InUse ? VMBitmapState.Inconsistent : bitmap.Auto ? VMBitmapState.Recording : VMBitmapState.Closed,
                Flags = [.. Flags(bitmap)],
            });
        }

        return found;
    }

    private static async Task<IReadOnlyDictionary<string, ObservedLayer>> LiveAsync(DomainPlace place, DomainDocument domain, DomainDisk[] asked, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. asked.Select(disk => disk.Target)], BlockAccess.Read, cancellation);
        return SessionView.BitmapsAtOpening(session);
    }

    // A chain that cannot be followed hides nothing of the active layer.
    private static async Task<IReadOnlyList<VMBitmap>> BelowAsync(string vm, DomainDisk disk, IOperationReport report, CancellationToken cancellation)
    {
        List<VMBitmap> found = [];
        try
        {
            foreach (ImageLayer layer in (await DiskChain.ResolveAsync(vm, disk, readOnly: true, cancellation)).Skip(1).Where(layer => layer.Format == "qcow2"))
                found.AddRange((await OfFileAsync(layer.Path, cancellation)).Select(bitmap => bitmap with { Frozen = true }));
        }
        catch (MomentException failure)
        {
            report.Warning($"The layers below the active one of disk '{disk.Target}' of '{vm}' could not all be looked at: {failure.Message}");
        }

        return found;
    }

    private static VMBitmap Owned(VMBitmap bitmap, BitmapOwner owner)
    {
        // Of a block snapshot: what changed up to its instant.
        string? whose = owner.Of(bitmap.Path, bitmap.Name) ?? (bitmap.Name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal) ? BitmapOwner.Nameless : null);
        return bitmap with { Owner = whose, State = whose is null && bitmap.State != VMBitmapState.Inconsistent ? VMBitmapState.Foreign : bitmap.State };
    }

    private static VMBitmap Of(string path, ObservedBitmap bitmap) => new()
    {
        Path = path,
        Name = bitmap.Name,
        Granularity = bitmap.Granularity,
        Size = bitmap.Count,
        Persistent = bitmap.Persistent,
        State = bitmap.Inconsistent ? VMBitmapState.Inconsistent : bitmap.Recording ? VMBitmapState.Recording : VMBitmapState.Closed,
        Flags = [.. new[] { bitmap.Recording ? "recording" : null, bitmap.Busy ? "busy" : null, bitmap.Inconsistent ? "inconsistent" : null }.OfType<string>()],
    };

    private static IEnumerable<string> Flags(Qcow2Bitmap bitmap)
    {
        if (bitmap.InUse)
            yield return "in_use";
        if (bitmap.Auto)
            yield return "auto";
    }
}
