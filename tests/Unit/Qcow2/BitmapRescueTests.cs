using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

/// <summary>The one thing that is ever written into an image by our own hand: only where it is what it was a moment ago.</summary>
public sealed class BitmapRescueTests
{
    private const int FlagsOffset = 12;

    [Fact]
    public void WhatAProcessThatIsBeingStartedHasACopyOfIsFreeAllTheSame()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["image"], "");
        SoleImage first = SoleImage.Open(scratch["image"]);
        using SafeFileHandle copy = OpenCopy.Of(scratch["image"]);
        first.Dispose();
        SoleImage.Open(scratch["image"]).Dispose();
    }

    [SkippableFact]
    public async Task WhatIsNotWhereItWasReadIsNotWrittenTo()
    {
        Tool.Require("qemu-img");
        using var scratch = new ScratchDirectory();
        string path = scratch["disk.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M");
        Tool.Run("qemu-img", "bitmap", "--add", "--disable", path, "a");
        Mark(path, await FindAsync(path));
        using SoleImage image = SoleImage.Open(path);
        Qcow2Bitmap left = await FindAsync(path);
        Assert.True(left.InUse);

        await BitmapRescue.RunAsync(image, ["a"], CancellationToken.None);
        byte[] mended = File.ReadAllBytes(path);
        Assert.False((await FindAsync(path)).InUse);

        // As it was read before: meanwhile the file says something else.
        MomentException failure = Assert.Throws<MomentException>(() => image.ClearInUse(left));
        Assert.Equal(Qcow2Errors.Qcow2WriteUnverified, failure.ErrorId);
        Assert.Contains($"the bitmap 'a' in '{path}'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(mended, File.ReadAllBytes(path));
    }

    private static async Task<Qcow2Bitmap> FindAsync(string path)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, CancellationToken.None);
        return Assert.Single(await image.BitmapsAsync(CancellationToken.None));
    }

    // As a QEMU leaves it that dies.
    private static void Mark(string path, Qcow2Bitmap bitmap)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = bitmap.EntryOffset.Value + FlagsOffset;
        byte[] flags = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(flags, (uint)(bitmap.Flags | Qcow2BitmapFlags.InUse));
        file.Write(flags);
    }
}
