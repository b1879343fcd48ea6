using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Files;

public sealed class FileLockTests
{
    [Fact]
    public async Task TheSecondWaitsAndIsToldWhoHoldsIt()
    {
        using var scratch = new ScratchDirectory();
        using FileLock first = await FileLock.TakeAsync(scratch["lock"], "back up web1", TimeSpan.Zero, CancellationToken.None);

        MomentException busy = await Assert.ThrowsAsync<MomentException>(
            () => FileLock.TakeAsync(scratch["lock"], "start web1", TimeSpan.FromMilliseconds(50), CancellationToken.None));

        Assert.Equal(FileErrors.LockBusy, busy.ErrorId);
        Assert.Contains("back up web1", busy.Message, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId}", busy.Message, StringComparison.Ordinal);
        Assert.True(FileLock.IsHeld(scratch["lock"]));
    }

    [Fact]
    public async Task AReleasedLockGoesToTheOneThatWaits()
    {
        using var scratch = new ScratchDirectory();
        FileLock first = await FileLock.TakeAsync(scratch["lock"], "one", TimeSpan.Zero, CancellationToken.None);
        Task<FileLock> second = FileLock.TakeAsync(scratch["lock"], "two", TimeSpan.FromMinutes(1), CancellationToken.None);
        await Task.Delay(40);
        Assert.False(second.IsCompleted);
        first.Dispose();
        (await second).Dispose();
        Assert.False(FileLock.IsHeld(scratch["lock"]));
    }

    [Fact]
    public async Task WhatAProcessThatIsBeingStartedHasACopyOfIsFreeAllTheSame()
    {
        using var scratch = new ScratchDirectory();
        FileLock first = await FileLock.TakeAsync(scratch["lock"], "one", TimeSpan.Zero, CancellationToken.None);
        using SafeFileHandle copy = OpenCopy.Of(scratch["lock"]);
        first.Dispose();
        Assert.False(FileLock.IsHeld(scratch["lock"]));
        (await FileLock.TakeAsync(scratch["lock"], "two", TimeSpan.Zero, CancellationToken.None)).Dispose();
    }

    [SkippableFact]
    public async Task TheLockOfADeadProcessIsFree()
    {
        Tool.Require("flock", "sleep");
        using var scratch = new ScratchDirectory();
        await File.WriteAllTextAsync(scratch["lock"], "");
        using Process holder = Process.Start("flock", ["-x", "-o", scratch["lock"], "sleep", "60"]);
        while (!FileLock.IsHeld(scratch["lock"]))
            await Task.Delay(5);
        holder.Kill(entireProcessTree: true);
        await holder.WaitForExitAsync();
        using FileLock taken = await FileLock.TakeAsync(scratch["lock"], "after", TimeSpan.FromMinutes(1), CancellationToken.None);
    }
}
