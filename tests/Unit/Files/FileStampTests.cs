using MomentTools.Files;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Files;

public sealed class FileStampTests
{
    [Fact]
    public void WhatCannotBeLookedAtIsNotTakenForAbsent()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["file"], "");
        File.CreateSymbolicLink(scratch["nowhere"], scratch["gone"]);
        File.CreateSymbolicLink(scratch["circle"], scratch["circle"]);
        Assert.True(FileStamp.IsAbsent(scratch["gone"]));
        Assert.True(FileStamp.IsAbsent(scratch["nowhere"]));
        Assert.True(FileStamp.IsAbsent(Path.Combine(scratch["file"], "below")));
        Assert.False(FileStamp.IsAbsent(scratch["file"]));
        Assert.Null(FileStamp.Of(scratch["circle"]));
        Assert.False(FileStamp.IsAbsent(scratch["circle"]));
    }
}
