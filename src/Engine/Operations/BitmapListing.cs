using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Get-VMBitmap: what really is in the images, known to a moment or not.</summary>
internal sealed class BitmapListing(EngineContext context)
{
    public async Task<IReadOnlyList<VMBitmap>> RunAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        foreach (string disk in disks)
            if (domain.FindDisk(disk) is null)
                throw CheckpointAlignment.UnknownDisk(disk, domain);
        DomainDisk[] asked = [.. domain.Disks.Where(disk => disk.Format == "qcow2" && disk.SourcePath is not null && (disks.Count == 0 || disks.Contains(disk.Target, StringComparer.Ordinal)))];
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        List<VMBitmap> found = [];
        if (runs)
        {
            await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. asked.Select(disk => disk.Target)], BlockAccess.Read, cancellation);
            IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.AtOpening(session);
            foreach (SessionDisk disk in session.Disks.Values)
                found.AddRange(seen[disk.Name].Bitmaps.Values.Select(bitmap => Of(vm, disk.Name, disk.Path, bitmap, state)));
            return found;
        }

        foreach (DomainDisk disk in asked)
            found.AddRange((await OfFileAsync(disk.SourcePath!, cancellation)).Select(bitmap => bitmap with { VM = vm, Disk = disk.Target, Owner = Owner(state.Disk(disk.Target), bitmap.Name) })
                .Select(bitmap => bitmap.Owner is null && bitmap.State != VMBitmapState.Inconsistent ? bitmap with { State = VMBitmapState.Foreign } : bitmap));
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

    private static VMBitmap Of(string vm, string disk, string path, ObservedBitmap bitmap, DomainMoments state)
    {
        string? owner = Owner(state.Disk(disk), bitmap.Name);
        return new VMBitmap
        {
            VM = vm,
            Disk = disk,
            Path = path,
            Name = bitmap.Name,
            Granularity = bitmap.Granularity,
            Size = bitmap.Count,
            Persistent = bitmap.Persistent,
            Owner = owner,
            State = bitmap.Inconsistent ? VMBitmapState.Inconsistent : owner is null ? VMBitmapState.Foreign : bitmap.Recording ? VMBitmapState.Recording : VMBitmapState.Closed,
            Flags = [.. new[] { bitmap.Recording ? "recording" : null, bitmap.Busy ? "busy" : null, bitmap.Inconsistent ? "inconsistent" : null }.OfType<string>()],
        };
    }

    private static IEnumerable<string> Flags(Qcow2Bitmap bitmap)
    {
        if (bitmap.InUse)
            yield return "in_use";
        if (bitmap.Auto)
            yield return "auto";
    }

    private static string? Owner(DiskTracking tracking, string bitmap)
    {
        foreach (TrackingPoint point in tracking.Points.Values)
            if (point.ParentId is not null && point.Sources.OfType<SegmentSource.Bitmap>().Any(source => source.Name == bitmap))
                return tracking.NearestMoment(point.ParentId)?.Name ?? "MomentTools";
        return bitmap == tracking.ActiveTip?.Marker ? "MomentTools" : null;
    }
}
