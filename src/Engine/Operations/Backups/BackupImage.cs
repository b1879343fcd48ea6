using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>
/// Compares a file's header with what the manifest says of it: QEMU would follow what the header names, so it must name
/// what the manifest names and nothing else.
/// </summary>
internal static class BackupImage
{
    /// <param name="backing">The name of the backing file that the header must have, or null for none.</param>
    public static async Task CheckAsync(string path, long virtualSize, string? backing, CancellationToken cancellation)
    {
        if (PlainFile.WhyNot(path) is { } why)
            throw BackupErrors.Corrupt(path, $"it is {why}");
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            Check(path, image.Header, virtualSize, backing);
        }
        catch (MomentException failure) when (failure.Kind is ErrorKind.CorruptData or ErrorKind.Unsupported && failure.ErrorId != BackupErrors.BackupImageMismatch)
        {
            throw BackupErrors.ImageMismatch(path, "it cannot be read as a qcow2 image", failure);
        }
    }

    private static void Check(string path, Qcow2Header header, long virtualSize, string? backing)
    {
        if (header.HasDataFile || header.EncryptionMethod != 0)
            throw BackupErrors.ImageMismatch(path, "its data lies in another file or is encrypted");
        if ((header.IncompatibleFeatures & (Qcow2IncompatibleFeatures.Dirty | Qcow2IncompatibleFeatures.Corrupt)) != Qcow2IncompatibleFeatures.None)
            throw BackupErrors.ImageMismatch(path, "QEMU did not close it properly or has found it corrupt");
        // What QEMU loads or follows besides the content: no backup has it.
        if (header.SnapshotCount != 0 || header.Extension(Qcow2HeaderExtension.Bitmaps) is not null)
            throw BackupErrors.ImageMismatch(path, "it holds internal snapshots or bitmaps");
        if (header.Size != virtualSize)
            throw BackupErrors.ImageMismatch(path, $"its disk has {header.Size} bytes and not {virtualSize}");
        if (header.BackingFile != backing)
            throw BackupErrors.ImageMismatch(path, $"it stands on {Name(header.BackingFile)} and not on {Name(backing)}");
        if (backing is not null && header.BackingFormat != "qcow2")
            throw BackupErrors.ImageMismatch(path, $"it says the format {Name(header.BackingFormat)} of its backing file and not 'qcow2'");
    }

    private static string Name(string? text) => text is null ? "nothing" : Xml.XmlErrors.Quote(text);
}
