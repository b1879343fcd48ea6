using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// -ReuseExternal: a file that is there already becomes the new layer. It must be what we would have made ourselves: whatever else it
/// holds would become the guest's disk.
/// </summary>
internal static class ReusedOverlay
{
    private const UnixFileMode Permissions = (UnixFileMode)0x1ff;

    /// <summary>Checks the file, and says what it is.</summary>
    /// <exception cref="MomentException"><c>ReuseUnsuitable</c> with the first thing that does not fit; <c>DiskLocked</c> where somebody has it open.</exception>
    public static async Task<LayerFacts> CheckAsync(SessionDisk disk, string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
            throw new MomentException(FileErrors.FileMissing, $"Cannot take '{path}' as the new layer of disk '{disk.Name}': the file does not exist.", path, $"Make it with 'qemu-img create -f qcow2 -b {disk.Path} -F {disk.Format} {path}', or leave out -ReuseExternal.");
        if (ImageHolders.Of(path) is { Count: > 0 })
            throw DiskErrors.Locked($"take it as the new layer of disk '{disk.Name}'", path, "it must belong to nobody.");
        LayerFacts facts;
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            if (await WhyNotAsync(image, disk, cancellation) is { } reason)
                throw Unsuitable(disk, path, reason);
            FileStamp stamp = FileStamp.Of(path)!;
            facts = new LayerFacts(OverlayFile.Format, stamp.Device, stamp.Inode, image.Header.BackingFile, image.Header.BackingFormat, null, null);
        }
        catch (MomentException failure) when (failure.ErrorId != SnapshotCreationErrors.ReuseUnsuitable && failure.ErrorId != FileErrors.StorageAccessDenied)
        {
            throw Unsuitable(disk, path, $"it cannot be read as a qcow2 image: {failure.Message.TrimEnd('.')}", failure);
        }

        return facts;
    }

    private static async Task<string?> WhyNotAsync(Qcow2Image image, SessionDisk disk, CancellationToken cancellation)
    {
        Qcow2Header header = image.Header;
        string? wrong = header switch
        {
            { Version: 2 } => "it is of qcow2's version 2, which cannot hold bitmaps",
            { IsEncrypted: true } => "it is encrypted",
            { HasDataFile: true } => "its data lie in another file",
            { IsCorrupt: true } or { IsDirty: true } => "it was not closed cleanly",
            _ when header.Size != disk.VirtualSize => $"it has a virtual size of {header.Size} bytes, and the disk has {disk.VirtualSize}",
            { BackingFile: null } => $"it stands on no image, and must stand on '{disk.Path}'",
            _ when !FilePath.IsSame(BackingName.Resolve(image.Path, header.BackingFile), disk.Path) => $"it stands on '{header.BackingFile}', and the disk's active image is '{disk.Path}'",
            _ when header.BackingFormat != disk.Format => $"it takes the image beneath it for {header.BackingFormat ?? "one of a format that it does not say"}, which is {disk.Format}",
            { SnapshotCount: > 0 } => "it holds internal snapshots",
            _ => OwnerTrouble(image.Path, disk.Path),
        };
        if (wrong is not null)
            return wrong;
        if ((await image.BitmapsAsync(cancellation)).Count > 0)
            return "it holds bitmaps";
        return await HoldsDataAsync(image, cancellation) ? "it holds data: it is not new" : null;
    }

    /// <summary>Whether an image says anything of the disk's content by itself.</summary>
    public static async Task<bool> HoldsDataAsync(Qcow2Image image, CancellationToken cancellation)
    {
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Header.Size, cancellation))
            if (run is not Qcow2Mapping.Unallocated)
                return true;
        return false;
    }

    // What the guest writes from now on must not be open to more people than what it wrote before.
    private static string? OwnerTrouble(string path, string basePath) =>
        Libc.IsBlockDevice(path) || Libc.Owner(path) is not { } own || Libc.Owner(basePath) is not { } below ? null
        : own.User != below.User && own.User != 0 ? $"it belongs to the user with the id {own.User}, and the image beneath it to {below.User}"
        : (own.Mode & Permissions & ~(below.Mode | UnixFileMode.UserRead | UnixFileMode.UserWrite)) is var more and not UnixFileMode.None ? $"it is open to more people than the image beneath it ({more})"
        : null;

    private static MomentException Unsuitable(SessionDisk disk, string path, string reason, Exception? inner = null) => new(
        SnapshotCreationErrors.ReuseUnsuitable, $"Cannot take '{path}' as the new layer of disk '{disk.Name}': {reason}.", path,
        $"Make it anew with 'qemu-img create -f qcow2 -b {disk.Path} -F {disk.Format} {path}', or leave out -ReuseExternal. Nothing was changed.", inner);
}
