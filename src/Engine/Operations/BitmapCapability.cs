using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Looks at the images before anything is touched: one of qcow2's version 2 has no place for bitmaps.</summary>
internal static class BitmapCapability
{
    /// <param name="domain">The machine.</param>
    /// <param name="disks">The disks to be tracked.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task RequireAsync(DomainDocument domain, IEnumerable<string> disks, CancellationToken cancellation)
    {
        foreach (DomainDisk disk in disks.Select(domain.FindDisk).OfType<DomainDisk>())
        {
            if (disk.SourcePath is not { } path || await VersionAsync(path, cancellation) is not 2)
                continue;
            throw new MomentException(
                XmlErrors.CheckpointDiskUnsupported,
                $"Cannot make a checkpoint of '{domain.Name}': disk '{disk.Target}' is a qcow2 image of version 2 ('{path}'), which cannot hold bitmaps.",
                disk.Target,
                $"Stop the machine and make it version 3: qemu-img amend -f qcow2 -o compat=1.1 '{path}'. Or leave the disk out.");
        }
    }

    private static async Task<int?> VersionAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return (await DiskChain.HeaderAsync(path, cancellation)).Version;
        }
        catch (MomentException failure) when (failure.ErrorId == FileErrors.FileMissing || failure.ErrorId == FileErrors.StorageAccessDenied)
        {
            // Opening the disk tells it better; and the files of a running machine may be closed to this user, though its monitor is not.
            return null;
        }
    }
}
