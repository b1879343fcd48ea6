using MomentTools.Blocks;

namespace MomentTools.Operations.Backups.Making;

/// <summary>One file that a <see cref="DaemonCopy"/> writes.</summary>
/// <param name="SourceNode">The node whose content is copied.</param>
/// <param name="Target">The file; of the size of the source.</param>
/// <param name="Blocks">What of the source is stored, rounded out to 64 KiB; null: all of it. What reads as zeroes is stored as zeroes.</param>
internal sealed record DaemonCopyItem(string SourceNode, BackupTarget Target, ExtentMap? Blocks)
{
    /// <summary>
    /// Whether the source tells as zeroes what its images have not stored. That of a held instant does not where the disk stands on another
    /// image (QEMU 7.2): a hole is then any content of the images beneath, and a mirror, which takes it for nothing, would lose it. So that
    /// a thin disk stays thin, its target should look for zeroes then.
    /// </summary>
    public bool HolesAreZeroes { get; init; } = true;
}
