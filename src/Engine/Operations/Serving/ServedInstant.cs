namespace MomentTools.Operations.Serving;

/// <summary>The instant at which the content that is served was a disk's: where it lies in the disk's tree.</summary>
/// <param name="What">What it is called in messages: the block snapshot's name, or the backup's id.</param>
/// <param name="Disk">The disk.</param>
/// <param name="Size">Its virtual size then, in bytes.</param>
/// <param name="Point">The tracking point that it follows, or is; null: nothing was tracked.</param>
/// <param name="Node">The QEMU node that has the copy.</param>
/// <param name="Copy">The bitmap of what was written from the point to the instant, or null: there is none.</param>
/// <param name="Sidecar">The saved segment of what was written from the point to the instant, beside the bitmap or in its place; or null.</param>
/// <param name="Doubt">Why nothing is known, or null.</param>
internal sealed record ServedInstant(string What, string Disk, long Size, string? Point, string? Node, string? Copy, string? Sidecar, string? Doubt);
