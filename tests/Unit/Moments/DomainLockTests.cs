using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Moments;

/// <summary>The lock of a domain between processes: row B7.</summary>
public sealed class DomainLockTests
{
    [SkippableFact]
    public async Task AnotherProcessIsWaitedForAndNamed()
    {
        Tool.Require("flock", "sh");
        using var scratch = new ScratchDirectory();
        string path = DomainLock.PathOf(scratch.Path);
        using Process holder = Process.Start("flock", ["-x", path, "sh", "-c", $"printf '%s\\n%s\\nBackup-VMDomain\\n' $$ {DateTimeOffset.UtcNow:O} > '{path}'; : > '{scratch["ready"]}'; exec sleep 60"]);
        while (!File.Exists(scratch["ready"]))
            await Task.Delay(5);

        MomentException busy = await Assert.ThrowsAsync<MomentException>(() => DomainLock.TakeAsync(scratch.Path, "New-VMCheckpoint", TimeSpan.FromMilliseconds(60), CancellationToken.None));
        Assert.Equal(FileErrors.LockBusy, busy.ErrorId);
        Assert.Contains("'New-VMCheckpoint'", busy.Message, StringComparison.Ordinal);
        Assert.Contains("'Backup-VMDomain'", busy.Message, StringComparison.Ordinal);

        Task<FileLock> waiting = DomainLock.TakeAsync(scratch.Path, "New-VMCheckpoint", TimeSpan.FromMinutes(1), CancellationToken.None);
        holder.Kill(entireProcessTree: true);
        (await waiting).Dispose();
    }

    [SkippableFact]
    public async Task AnotherProcessIsKeptOutWhileItIsHeld()
    {
        Tool.Require("flock");
        using var scratch = new ScratchDirectory();
        using (await DomainLock.TakeAsync(scratch.Path, "test", TimeSpan.Zero, CancellationToken.None))
            Assert.Equal(1, Tool.TryRun("flock", "-n", DomainLock.PathOf(scratch.Path), "true").Exit);
        Assert.Equal(0, Tool.TryRun("flock", "-n", DomainLock.PathOf(scratch.Path), "true").Exit);
    }
}
