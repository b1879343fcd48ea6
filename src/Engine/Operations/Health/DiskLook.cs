using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Health;

/// <summary>A disk as it is: what QEMU says of it, and what its files say.</summary>
/// <param name="Path">The active image by the machine's definition.</param>
/// <param name="Live">What QEMU says; null where the machine is stopped or could not be asked.</param>
/// <param name="LiveTrouble">Why QEMU's disk is not the recorded one, or null.</param>
/// <param name="Chain">The files, the active one first.</param>
/// <param name="Trouble">Why the active image cannot be read, or null.</param>
internal sealed record DiskLook(string Path, ObservedLayer? Live, MomentException? LiveTrouble, IReadOnlyList<SeenLayer> Chain, MomentException? Trouble)
{
    /// <summary>The header of the active image; null where it could not be read, or is not qcow2.</summary>
    public Qcow2Header? Header { get; init; }

    /// <summary>The bitmaps that the file has: while a machine runs they are as of its start, and marked as in use.</summary>
    public ObservedLayer? Stored { get; init; }

    public IReadOnlyList<Qcow2Snapshot> Snapshots { get; init; } = [];

    /// <summary>Who has the image open although the machine is not known to run; null where nobody has.</summary>
    public string? Holder { get; init; }

    /// <summary>Whether a program that knows no bitmaps wrote to the image, so that QEMU takes none of them for valid.</summary>
    public bool Discarded => Header is { BitmapsValid: false } header && header.Extension(Qcow2HeaderExtension.Bitmaps) is not null;

    /// <summary>Looks at the files of a disk.</summary>
    /// <param name="tracking">What is recorded of it.</param>
    /// <param name="path">The active image.</param>
    /// <param name="format">Its format.</param>
    /// <param name="live">What QEMU says, or null.</param>
    /// <param name="liveTrouble">Why QEMU's disk is not the recorded one, or null.</param>
    /// <param name="runs">Whether the machine runs, as far as is known.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskLook> TakeAsync(DiskTracking tracking, string path, string format, ObservedLayer? live, MomentException? liveTrouble, bool runs, CancellationToken cancellation)
    {
        IReadOnlyList<SeenLayer> chain = await LayerReading.ChainAsync(tracking, path, format, cancellation);
        var look = new DiskLook(path, live, liveTrouble, chain, chain[0].Trouble);
        if (look.Trouble is not null || format != "qcow2")
            return look;
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            look = look with { Header = image.Header, Snapshots = await image.SnapshotsAsync(cancellation) };
            ObservedLayer stored = await ObservedLayer.ReadAsync(path, cancellation);
            string? holder = !runs && stored.Bitmaps.Values.Any(bitmap => bitmap.Inconsistent) && ImageHolders.Of(path) is [var first, ..] ? first : null;
            return look with { Stored = stored, Holder = holder };
        }
        catch (MomentException failure)
        {
            return look with { Trouble = failure };
        }
    }
}
