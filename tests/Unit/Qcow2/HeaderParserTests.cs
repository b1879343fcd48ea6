using System.Buffers.Binary;
using System.Text;
using MomentTools.Errors;
using MomentTools.Qcow2;

namespace MomentTools.Tests.Qcow2;

/// <summary>Headers written down byte by byte: what is read from them, and what is refused.</summary>
public sealed class HeaderParserTests
{
    private const ulong NoExtension = 0;

    [Fact]
    public void AHeaderOfVersionTwoHasNoFeatures()
    {
        byte[] bytes = Sound();
        Put32(bytes, 4, 2);
        // In version 2 the extensions begin where version 3 has its features.
        bytes.AsSpan(72).Clear();
        Qcow2Header header = Parse(bytes);
        Assert.Equal((2, 4, Qcow2IncompatibleFeatures.None, false), (header.Version, header.RefcountOrder, header.IncompatibleFeatures, header.BitmapsValid));
    }

    [Fact]
    public void ExtensionsAndBackingFileAreRead()
    {
        byte[] bytes = Sound();
        int at = Extend(bytes, 104, Qcow2HeaderExtension.BackingFormat, "raw");
        at = Extend(bytes, at, 0x12345678, "somebody else's");
        at = Extend(bytes, at, Qcow2HeaderExtension.DataFileName, "data.raw");
        "bäse.raw"u8.CopyTo(bytes.AsSpan(at + 8));
        Put64(bytes, 8, (ulong)at + 8);
        Put32(bytes, 16, 9);
        Qcow2Header header = Parse(bytes);
        Assert.Equal(("bäse.raw", "raw", "data.raw", 3), (header.BackingFile, header.BackingFormat, header.DataFile, header.Extensions.Count));
    }

    [Theory]
    [InlineData(0, 0x514649fc, "Qcow2NotRecognised")]
    [InlineData(4, 1, "Qcow2VersionUnsupported")]
    [InlineData(4, 4, "Qcow2VersionUnsupported")]
    [InlineData(20, 8, "Qcow2HeaderInvalid")]
    [InlineData(20, 22, "Qcow2HeaderInvalid")]
    [InlineData(20, 0xffffffff, "Qcow2HeaderInvalid")]
    [InlineData(24, 0x80000000, "Qcow2HeaderInvalid")] // a virtual size beyond 63 bits
    [InlineData(24, 1, "Qcow2HeaderInvalid")] // a virtual size beyond the L1 table
    [InlineData(32, 3, "Qcow2HeaderInvalid")] // an encryption method nobody knows
    [InlineData(36, 0, "Qcow2HeaderInvalid")] // no L1 table
    [InlineData(36, (4 << 20) + 1, "Qcow2HeaderInvalid")] // an L1 table of more than 32 MiB
    [InlineData(44, 1, "Qcow2HeaderInvalid")] // an L1 table inside a cluster
    [InlineData(40, 0xf0000000, "Qcow2HeaderInvalid")] // an L1 table beyond 63 bits
    [InlineData(60, 65537, "Qcow2HeaderInvalid")] // too many snapshots
    [InlineData(76, 16, "Qcow2HeaderInvalid")] // extended L2 entries with clusters of 4 KiB
    [InlineData(76, 8, "Qcow2HeaderInvalid")] // a compression bit without a type
    [InlineData(104, 0x01000000, "Qcow2HeaderInvalid")] // a compression type without its bit
    [InlineData(76, 32, "Qcow2FeatureUnknown")]
    [InlineData(72, 0x80000000, "Qcow2FeatureUnknown")]
    [InlineData(96, 7, "Qcow2HeaderInvalid")] // refcounts of 128 bits
    [InlineData(100, 96, "Qcow2HeaderInvalid")] // shorter than version 3 allows
    [InlineData(100, 109, "Qcow2HeaderInvalid")]
    [InlineData(100, 0xfffffff8, "Qcow2HeaderInvalid")]
    [InlineData(116, 0xfffffff0, "Qcow2HeaderInvalid")] // an extension longer than the cluster
    public void WhatBreaksARuleIsRefused(int offset, uint value, string id)
    {
        byte[] bytes = Sound();
        Put32(bytes, 100, 112);
        Put32(bytes, 112, 0x12345678);
        Put32(bytes, offset, value);
        MomentException refused = Assert.Throws<MomentException>(() => Parse(bytes));
        Assert.Equal(id, refused.ErrorId.Name);
        Assert.Contains("disk.qcow2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownCompressionIsNamed()
    {
        byte[] bytes = Sound();
        Put32(bytes, 100, 112);
        Put32(bytes, 76, 8);
        bytes[104] = 9;
        MomentException refused = Assert.Throws<MomentException>(() => Parse(bytes));
        Assert.Equal(Qcow2Errors.Qcow2CompressionUnknown, refused.ErrorId);
        Assert.Contains("method 9", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownFeatureIsNamedAsTheImageNamesIt()
    {
        byte[] bytes = Sound();
        Extend(bytes, 104, Qcow2HeaderExtension.FeatureNames, "\0\u0007time travel" + new string('\0', 35) + "\0\u0001corrupt bit" + new string('\0', 35));
        Put64(bytes, 72, (1UL << 7) | (1UL << 40));
        MomentException refused = Assert.Throws<MomentException>(() => Parse(bytes));
        Assert.Contains("time travel (incompatible feature bit 7), incompatible feature bit 40", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5000UL, 10u)]
    [InlineData(200UL, 1024u)]
    [InlineData(4090UL, 10u)]
    [InlineData(ulong.MaxValue, 10u)]
    public void ABackingFileOutsideTheClusterIsRefused(ulong offset, uint length)
    {
        byte[] bytes = Sound();
        Put64(bytes, 8, offset);
        Put32(bytes, 16, length);
        Assert.Equal(Qcow2Errors.Qcow2HeaderInvalid, Assert.Throws<MomentException>(() => Parse(bytes)).ErrorId);
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("\u00e4")] // in Latin-1
    public void ANameThatCannotBeToldExactlyIsRefused(string name)
    {
        byte[] bytes = Sound();
        Encoding.Latin1.GetBytes(name).CopyTo(bytes, 200);
        Put64(bytes, 8, 200);
        Put32(bytes, 16, (uint)name.Length);
        Assert.Equal(Qcow2Errors.Qcow2HeaderInvalid, Assert.Throws<MomentException>(() => Parse(bytes)).ErrorId);
    }

    [Fact]
    public void AClusterFullOfExtensionsIsRefused()
    {
        byte[] bytes = Sound(clusterBits: 16);
        for (int at = 104; at + 8 < bytes.Length; at += 8)
            Put32(bytes, at, 0x12345678);
        Assert.Equal(Qcow2Errors.Qcow2HeaderInvalid, Assert.Throws<MomentException>(() => Parse(bytes)).ErrorId);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(23)]
    [InlineData(71)]
    [InlineData(103)]
    public void AFileThatEndsInsideTheHeaderIsRefused(int length) =>
        Assert.Throws<MomentException>(() => new HeaderParser("disk.qcow2", Sound().AsMemory(0, length)).Parse());

    /// <summary>The smallest sound header: version 3, a disk of 1 MiB.</summary>
    private static byte[] Sound(int clusterBits = 12)
    {
        byte[] bytes = new byte[1 << clusterBits];
        Put32(bytes, 0, 0x514649fb);
        Put32(bytes, 4, 3);
        Put32(bytes, 20, (uint)clusterBits);
        Put64(bytes, 24, 1 << 20);
        Put32(bytes, 36, 1);
        Put64(bytes, 40, 3UL << clusterBits);
        Put32(bytes, 96, 4);
        Put32(bytes, 100, 104);
        Put64(bytes, 104, NoExtension);
        return bytes;
    }

    private static Qcow2Header Parse(byte[] bytes) => new HeaderParser("disk.qcow2", bytes).Parse();

    private static int Extend(byte[] bytes, int at, uint type, string text)
    {
        byte[] data = Encoding.UTF8.GetBytes(text);
        Put32(bytes, at, type);
        Put32(bytes, at + 4, (uint)data.Length);
        data.CopyTo(bytes, at + 8);
        return at + 8 + ((data.Length + 7) & ~7);
    }

    private static void Put32(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);

    private static void Put64(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
}
