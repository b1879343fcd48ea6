using System.Buffers.Binary;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

/// <summary>An image whose header is sound as far as we read it, and that QEMU does not open.</summary>
public sealed class UnopenableImageTests
{
    private const int RefcountTableAt = 48;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatQemuDoesNotOpenIsSaidInItsWordsAndNothingIsLeft(bool change)
    {
        await using var sample = new MachineSample("vda", "vdb");
        byte[] image = await File.ReadAllBytesAsync(sample.Image("vdb"));
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(RefcountTableAt), 1);
        await File.WriteAllBytesAsync(sample.Image("vdb"), image);

        MomentException failure = await Expect.FailsAsync(DiskErrors.DiskOpenFailed, () => sample.OpenAsync(change ? BlockAccess.Change : BlockAccess.Read, "vda", "vdb"));

        Assert.Contains($"'{sample.Image("vdb")}' for disk 'vdb' of domain 'web'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("reference count table", failure.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("GenericError", failure.PeerErrorClass);
        Assert.Empty(sample.Left());
        Assert.Empty(sample.Processes());
        Assert.Equal(image, await File.ReadAllBytesAsync(sample.Image("vdb")));
    }
}
