using MomentTools.Blocks;

namespace MomentTools.Operations.Backups.Making;

/// <summary>One file that a <see cref="DaemonCopy"/> writes.</summary>
/// <param name="SourceNode">The node whose content is copied.</param>
/// <param name="Target">The file; of the size of the source.</param>
/// <param name="Blocks">What of the source is stored, rounded out to 64 KiB; null: all of it. What reads as zeroes is stored as zeroes.</param>
internal sealed record DaemonCopyItem(string SourceNode, BackupTarget Target, ExtentMap? Blocks);
