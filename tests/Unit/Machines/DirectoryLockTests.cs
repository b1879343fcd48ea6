using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

public sealed class DirectoryLockTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhoWaitsTooLongIsToldSoAndWhoComesLaterGetsIt()
    {
        using (DirectoryLock.Take(_scratch.Path))
        {
            MomentException busy = Assert.Throws<MomentException>(() => DirectoryLock.Take(_scratch.Path, TimeSpan.FromMilliseconds(50)));
            Assert.Equal(MachineErrors.VMCatalogueBusy, busy.ErrorId);
            Assert.Contains($"'{_scratch.Path}' for longer than 0.05 s", busy.Message, StringComparison.Ordinal);
        }

        DirectoryLock.Take(_scratch.Path, TimeSpan.Zero).Dispose();
    }

    [Fact]
    public void WhatAProcessThatIsBeingStartedHasACopyOfIsFreeAllTheSame()
    {
        DirectoryLock taken = DirectoryLock.Take(_scratch.Path, TimeSpan.Zero);
        using SafeFileHandle copy = OpenCopy.Of(_scratch.Path);
        taken.Dispose();
        DirectoryLock.Take(_scratch.Path, TimeSpan.Zero).Dispose();
    }
}
