namespace MomentTools.Tests.Operations.Backups;

/// <summary>A backup of a <see cref="FileGuest"/> and what the guest had written around its instant.</summary>
/// <param name="Backup">The backup.</param>
/// <param name="Before">The newest file that surely is in it.</param>
/// <param name="After">The newest file that can be in it.</param>
internal sealed record TimedBackup(VMBackup Backup, int Before, int After)
{
    /// <summary>What the guest that was restored found is what it had at the backup's instant.</summary>
    public void Judge((int Files, int Newest) found)
    {
        Assert.InRange(found.Newest, Before, After);
        Assert.True(found.Files >= Math.Min(Before, 30), $"only {found.Files} files of {Before}");
    }
}
