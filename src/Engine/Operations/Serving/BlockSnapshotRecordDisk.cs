namespace MomentTools.Operations.Serving;

/// <summary>One disk of a block snapshot, as its record has it.</summary>
/// <param name="Name">The disk's name.</param>
/// <param name="Number">Its number in the record: part of the names of its nodes.</param>
/// <param name="Node">The format node of the disk then.</param>
/// <param name="Device">The QOM path of the guest's device, or null: the machine is stopped.</param>
/// <param name="Method">One of <see cref="CopyBeforeWrite"/>, <see cref="Backup"/>, <see cref="Image"/>.</param>
/// <param name="Size">The virtual size in bytes at the instant.</param>
/// <param name="ScratchPath">The absolute path of the scratch file, or null: there is none.</param>
/// <param name="ScratchDevice">The file system of the scratch file: only the very file that was made is ever unlinked.</param>
/// <param name="ScratchInode">The scratch file in it.</param>
/// <param name="ScratchLimit">The most bytes that the scratch file may take, or null.</param>
/// <param name="Point">The point of the disk's tree that lies at or above the instant; it is pinned. Null where nothing is tracked.</param>
/// <param name="Copy">The bitmap with what was written from the point to the instant; null where the point is the instant, or <paramref name="CopySidecar"/> has it.</param>
/// <param name="CopySidecar">The sidecar with what was written from the point to the instant, or null.</param>
/// <param name="Doubt">Why it is not known what changed up to the instant, or null.</param>
internal sealed record BlockSnapshotRecordDisk(
    string Name, int Number, string Node, string? Device, string Method, long Size, string? ScratchPath, ulong ScratchDevice, ulong ScratchInode, long? ScratchLimit,
    string? Point, string? Copy, string? CopySidecar, string? Doubt)
{
    /// <summary>A filter under the device; a full scratch file breaks the block snapshot alone.</summary>
    public const string CopyBeforeWrite = "copy-before-write";

    /// <summary>The job blockdev-backup with sync=none; a full scratch file makes the guest's writes fail.</summary>
    public const string Backup = "backup";

    /// <summary>The images of a stopped machine as they are.</summary>
    public const string Image = "image";
}
