using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>A disk as a session's QEMU or storage daemon has it open.</summary>
/// <param name="Name">The disk's target, like vda.</param>
/// <param name="NodeName">The node of the active layer: the one that bitmaps are on.</param>
/// <param name="Path">The file or block device of the active layer.</param>
/// <param name="VirtualSize">Bytes that the guest sees.</param>
/// <param name="QomPath">The guest's device, for <c>qom-set</c>; null where no machine runs.</param>
/// <param name="Bitmaps">The dirty bitmaps that were on it when the session was opened.</param>
internal sealed record SessionDisk(
    string Name, string NodeName, string Path, string Format, long VirtualSize, string? QomPath, IReadOnlyList<QmpDirtyBitmap> Bitmaps)
{
    /// <summary>The files that a running machine has open beneath it, from the top down; null where it was opened here, as its images say.</summary>
    public IReadOnlyList<string>? Beneath { get; init; }
}
