using MomentTools.Errors;

namespace MomentTools.Operations.Backups;

/// <summary>What is wrong with a disk's file of a backup.</summary>
/// <param name="File">The file.</param>
/// <param name="Failure">What is wrong, and what to do.</param>
/// <param name="Offset">Where in the file, in bytes, or null.</param>
internal sealed record BackupDamage(BackupChain.Link File, MomentException Failure, long? Offset);
