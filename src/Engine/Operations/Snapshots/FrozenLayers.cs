using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// A layer with another one on top is the content of snapshots and is written no more. Whether somebody did, or is about to, is told by its
/// length and time, by the locks that QEMU holds on what it writes, by the flags of its bitmaps, and by what an attached machine says that
/// it runs on. Asked at each attach, start and change, before anything else happens.
/// </summary>
internal static class FrozenLayers
{
    // QEMU holds a lock on the byte 100 + n of a file for each permission that it uses; permission 1 is writing (block/file-posix.c).
    private const long WritingLock = 101;

    /// <summary>The layers of all disks that are not what they were when they were frozen.</summary>
    /// <param name="domain">The machine; one that is attached is asked what it runs on.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<IReadOnlyList<FrozenDamage>> FindAsync(DomainDocument domain, DomainMoments state, CancellationToken cancellation)
    {
        (DiskTracking Disk, TrackingLayer Layer)[] frozen = [.. state.Disks.Values.Where(disk => state.Present?.Contains(disk.Disk) != false).SelectMany(disk => disk.Layers.Values.Where(layer => layer is { FrozenTop: not null, Facts: not null }).Select(layer => (disk, layer)))];
        if (frozen.Length == 0)
            return [];
        IReadOnlySet<string> written = await WrittenByOwnerAsync(domain, cancellation);
        List<FrozenDamage> found = [];
        foreach ((DiskTracking disk, TrackingLayer layer) in frozen)
        {
            bool active = written.Contains(FilePath.Real(layer.Path)), open = active || Libc.IsKnownLocked(layer.Path, WritingLock, 1);
            string? seen = active ? $"'{domain.Name}' runs on it and writes to it" : open ? $"{Holder(layer.Path)} has it open for writing" : null;
            string? text = await ChangeAsync(layer, cancellation) is { } change ? seen is null ? change : $"{seen}; {change}" : seen;
            if (text is not null)
                found.Add(new FrozenDamage(disk.Disk, layer, text, open));
        }

        return found;
    }

    /// <summary>The snapshots whose content is read from a layer, or through it.</summary>
    public static IReadOnlyList<string> Snapshots(DiskTracking tracking, string layerId) =>
    [
        .. tracking.Points.Values.Where(point => point.Moment is { Kind: MomentKind.Snapshot } && IsReadThrough(tracking, point.LayerId, layerId))
            .Select(point => point.Moment!.Name).Order(StringComparer.Ordinal),
    ];

    /// <summary>What stands on a layer, in words that follow "since": "snapshot 'a' stands on it".</summary>
    public static string Standing(DiskTracking tracking, string layerId) => Snapshots(tracking, layerId) switch
    {
        [] => "another image stands on it",
        [var one] => $"snapshot '{one}' stands on it",
        var several => $"snapshots {Health.FindingList.Listed(several)} stand on it",
    };

    /// <summary>Whether what is read from a layer comes in part from another one.</summary>
    public static bool IsReadThrough(DiskTracking tracking, string top, string layerId) => LayerDrift.Recorded(tracking, top).Any(layer => layer.Id == layerId);

    // Which of the images that an attached machine writes to; one that does not answer is told by whoever has to do with it.
    private static async Task<IReadOnlySet<string>> WrittenByOwnerAsync(DomainDocument domain, CancellationToken cancellation)
    {
        var written = new HashSet<string>(StringComparer.Ordinal);
        if (domain.Monitor is not { } monitor)
            return written;
        try
        {
            await using QmpClient qmp = await QmpClient.ConnectAsync(QmpAddress.Parse(monitor), cancellation);
            foreach (QmpBlockDevice device in await qmp.QueryBlockAsync(cancellation))
                if (device.Inserted is { ReadOnly: false } medium && NodeFile.Of(medium.File) is ['/', ..] path)
                    written.Add(FilePath.Real(path));
        }
        catch (MomentException failure) when (failure.Kind is ErrorKind.Connection or ErrorKind.Busy or ErrorKind.Timeout or ErrorKind.AccessDenied)
        {
            return written;
        }

        return written;
    }

    private static async Task<string?> ChangeAsync(TrackingLayer layer, CancellationToken cancellation)
    {
        if (FileStamp.Of(layer.Path) is not { } stamp)
            return null;
        if (layer.Facts is { Length: not null, Modified: not null } then)
            return LayerDrift.Difference(then, then with { Device = stamp.Device, Inode = stamp.Inode, Length = stamp.Length, Modified = stamp.Modified });
        // Without a time, as of a block device, its own marks tell whether somebody opened it.
        return layer.Facts?.Format == "raw" ? null : await MarkedAsync(layer, cancellation);
    }

    private static async Task<string?> MarkedAsync(TrackingLayer layer, CancellationToken cancellation)
    {
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(layer.Path, cancellation);
            if (layer.Facts is { } then && (image.Header.BackingFile != then.BackingFile || image.Header.BackingFormat != then.BackingFormat))
                return $"it stands on '{image.Header.BackingFile}', and stood on '{then.BackingFile}'";
            IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
            return bitmaps.FirstOrDefault(bitmap => bitmap.InUse) is { } used ? $"its bitmap '{used.Name}' is marked as in use: QEMU opened it for writing"
                : bitmaps.FirstOrDefault(bitmap => bitmap.Auto) is { } recording ? $"its bitmap '{recording.Name}' was switched on again"
                : bitmaps.All(bitmap => bitmap.Name != TrackingTip.MarkerPrefix + layer.FrozenTop) ? "the mark of its last snapshot is not in it any more"
                : null;
        }
        catch (MomentException failure) when (failure.Kind is ErrorKind.NotFound or ErrorKind.AccessDenied)
        {
            // That it is not there, or closed to this user, is told where it is needed.
            return null;
        }
    }

    private static string Holder(string path)
    {
        HostProcess[] holders = [.. ImageHolders.Processes(path)];
        return holders.Length == 0 ? "somebody" : string.Join(" and ", holders.Select(process => string.Create(CultureInfo.InvariantCulture, $"{process.Name} (process {process.Id})")));
    }
}
