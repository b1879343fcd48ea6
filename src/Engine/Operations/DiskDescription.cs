using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>What a disk is and whether its changes can be tracked, from its definition and its image's header.</summary>
internal static class DiskDescription
{
    public static async Task<VMDisk> OfAsync(DomainDisk disk, CancellationToken cancellation)
    {
        (long? size, string? fault) = disk.SourcePath is { } path ? await LookAsync(path, disk.Format, cancellation) : (null, null);
        string? reason = CheckpointAlignment.WhyNot(disk) ?? fault;
        return new VMDisk
        {
            Name = disk.Target,
            Path = disk.SourcePath,
            Format = disk.Format,
            Size = size,
            Trackable = reason is null,
            Reason = reason is null ? null : $"The disk {reason}.",
        };
    }

    private static async Task<(long? Size, string? Fault)> LookAsync(string path, string? format, CancellationToken cancellation)
    {
        if (!File.Exists(path))
            return (null, $"has no file: '{path}' does not exist");
        if (format != "qcow2")
            return (format == "raw" && !Libc.IsBlockDevice(path) ? new FileInfo(path).Length : null, null);
        try
        {
            Qcow2Header header = await DiskChain.HeaderAsync(path, cancellation);
            return (header.Size, header switch
            {
                { Version: 2 } => "is a qcow2 image of version 2, which cannot hold bitmaps ('qemu-img amend -o compat=1.1' makes it version 3)",
                { IsEncrypted: true } => "is encrypted",
                { IsCorrupt: true } => "is marked corrupt",
                _ => null,
            });
        }
        catch (MomentException failure)
        {
            // One disk that cannot be read does not hide the machine.
            return (null, $"cannot be read: {failure.Message.TrimEnd('.')}");
        }
    }
}
