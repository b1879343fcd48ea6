using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Qcow2;

/// <summary>
/// An image that nobody else has open, and that no QEMU can open while this holds it: the only thing of this room that writes, and it
/// writes flags of bitmaps alone.
/// </summary>
internal sealed class SoleImage : IDisposable
{
    // QEMU's block/file-posix.c: a shared lock on 100 + n says "I use permission n", one on 200 + n "nobody else may"; n is 0 to 3.
    private const int PermissionLocks = 100;
    private const int RefusalLocks = 200;
    private const int Permissions = 4;
    private const int FlagsOffset = 12;
    private const int Sector = 512;

    private readonly SafeFileHandle _handle;

    private SoleImage(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
    }

    public string Path { get; }

    /// <summary>Opens and locks the image; <c>Qcow2ImageInUse</c> where anybody has it open.</summary>
    public static SoleImage Open(string path)
    {
        int descriptor = Libc.Open(path, Libc.ReadWrite | Libc.CloseOnExec | Libc.NonBlocking);
        if (descriptor < 0)
            throw FileErrors.From(ImageFile.LastFailure(), "open", path);
        var image = new SoleImage(path, new SafeFileHandle(descriptor, ownsHandle: true));
        // Like QEMU: first say what is done and refused, then look what others say; of two at once at least one sees the other.
        bool alone = Libc.TryShareLock(image._handle, PermissionLocks, Permissions) && Libc.TryShareLock(image._handle, RefusalLocks, Permissions)
            && !Libc.IsLockedElsewhere(image._handle, PermissionLocks, Permissions) && !Libc.IsLockedElsewhere(image._handle, RefusalLocks, Permissions);
        if (alone)
            return image;
        image.Dispose();
        throw new MomentException(
            Qcow2Errors.Qcow2ImageInUse, $"Cannot write to '{path}': another process has the image open, or the file system has no locks that could tell.", path,
            "Stop the machine or the program that uses the image, then try again.");
    }

    /// <summary>The image for reading: the very file that is locked, whatever lies under its path by now.</summary>
    public Task<Qcow2Image> ReadAsync(CancellationToken cancellation) =>
        Qcow2Image.OpenAsync($"/proc/self/fd/{_handle.DangerousGetHandle()}", cancellation);

    /// <summary>Clears the flag in-use of one bitmap's directory entry, in one write of one sector, and brings it to stable storage.</summary>
    public void ClearInUse(Qcow2Bitmap bitmap)
    {
        long at = bitmap.EntryOffset.Value + FlagsOffset;
        long start = at & -Sector;
        byte[] sector = new byte[Sector];
        try
        {
            int length = RandomAccess.Read(_handle, sector, start);
            // Entries are aligned to 8 bytes: the flags never lie across two sectors.
            Span<byte> flags = sector.AsSpan((int)(at - start), sizeof(uint));
            if (length < at - start + sizeof(uint) || BigEndian.U32(flags, 0) != (uint)bitmap.Flags)
                throw Qcow2Errors.Unverified(Path, bitmap.Name, "its directory entry is not where it was read a moment ago");
            BinaryPrimitives.WriteUInt32BigEndian(flags, (uint)(bitmap.Flags & ~Qcow2BitmapFlags.InUse));
            RandomAccess.Write(_handle, sector.AsSpan(0, length), start);
            RandomAccess.FlushToDisk(_handle);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write the bitmap flags of", Path);
        }
    }

    public void Dispose()
    {
        if (!_handle.IsClosed)
            Libc.ReleaseLocks(_handle);
        _handle.Dispose();
    }
}
