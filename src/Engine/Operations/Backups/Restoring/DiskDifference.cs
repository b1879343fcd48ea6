using MomentTools.Blocks;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Where a disk differs from a backup, in whole grains of <see cref="RedoFile.Grain"/> bytes.</summary>
internal sealed record DiskDifference(string Disk, ExtentMap Blocks);
