using System.Numerics;
using System.Text;
using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>Reads the header out of an image's first cluster (specification: "Header"; limits are QEMU's).</summary>
internal sealed class HeaderParser(string path, ReadOnlyMemory<byte> cluster)
{
    /// <summary>As much of the file as is needed to know the cluster size.</summary>
    public const int ProbeLength = 24;

    private const uint Magic = 0x514649fb;
    private const int Version2Length = 72;
    private const int Version3Length = 104;
    private const int MaximumL1Bytes = 32 << 20;
    private const int MaximumExtensions = 1024;
    private const int FeatureNameEntry = 48;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> Bytes => cluster.Span;

    /// <summary>The cluster size exponent from the first bytes of a file, once they are known to be a qcow2 image's.</summary>
    public static int ProbeClusterBits(string path, ReadOnlySpan<byte> probe)
    {
        if (probe.Length < ProbeLength || BigEndian.U32(probe, 0) != Magic)
            throw Qcow2Errors.NotRecognised(path, "it does not begin with the format's magic number");
        uint version = BigEndian.U32(probe, 4);
        if (version is not (2 or 3))
        {
            throw new MomentException(
                Qcow2Errors.Qcow2VersionUnsupported, $"'{path}' is a qcow2 image of version {version}; versions 2 and 3 can be read.", path,
                "Convert the image with 'qemu-img convert -O qcow2'.");
        }

        uint bits = BigEndian.U32(probe, 20);
        return bits is >= 9 and <= 21 ? (int)bits : throw Qcow2Errors.HeaderInvalid(path, $"the cluster size 2^{bits} is not within 2^9 and 2^21");
    }

    public Qcow2Header Parse()
    {
        int clusterBits = ProbeClusterBits(path, Bytes);
        int version = (int)BigEndian.U32(Bytes, 4);
        Require(Bytes.Length >= (version == 2 ? Version2Length : Version3Length), "the file ends inside it");
        uint length = version == 2 ? Version2Length : BigEndian.U32(Bytes, 100);
        Require(length >= (version == 2 ? Version2Length : Version3Length) && length % 8 == 0 && length <= Bytes.Length, $"its length is said to be {length} bytes");

        var incompatible = (Qcow2IncompatibleFeatures)(version == 2 ? 0 : BigEndian.U64(Bytes, 72));
        List<Qcow2HeaderExtension> extensions = ReadExtensions((int)length);
        RefuseUnknownFeatures(incompatible, extensions);

        uint refcountOrder = version == 2 ? 4 : BigEndian.U32(Bytes, 96);
        Require(refcountOrder <= 6, $"the refcount order is {refcountOrder}");
        uint encryption = BigEndian.U32(Bytes, 32);
        Require(encryption <= 2, $"the encryption method is {encryption}");
        bool extendedL2 = incompatible.HasFlag(Qcow2IncompatibleFeatures.ExtendedL2);
        Require(!extendedL2 || clusterBits >= 14, "extended L2 entries need clusters of 16 KiB and more");

        long size = Signed(BigEndian.U64(Bytes, 24), "virtual size");
        uint l1Size = BigEndian.U32(Bytes, 36);
        Require(l1Size <= MaximumL1Bytes / sizeof(ulong), $"the L1 table has {l1Size} entries");
        int coveredBits = clusterBits + clusterBits - (extendedL2 ? 4 : 3);
        Require(size <= (long)l1Size << coveredBits, $"its L1 table of {l1Size} entries is too small for the virtual size {size}");
        uint snapshots = BigEndian.U32(Bytes, 60);
        Require(snapshots <= SnapshotTable.MaximumSnapshots, $"it counts {snapshots} snapshots");

        return new Qcow2Header
        {
            Version = version,
            ClusterBits = clusterBits,
            Size = size,
            BackingFile = ReadBackingFile(),
            BackingFormat = ReadName(extensions, Qcow2HeaderExtension.BackingFormat, "backing format"),
            IncompatibleFeatures = incompatible,
            CompatibleFeatures = version == 2 ? 0 : BigEndian.U64(Bytes, 80),
            AutoclearFeatures = version == 2 ? 0 : BigEndian.U64(Bytes, 88),
            RefcountOrder = (int)refcountOrder,
            CompressionType = ReadCompressionType((int)length, incompatible),
            EncryptionMethod = (int)encryption,
            L1Size = (int)l1Size,
            L1TableOffset = Aligned(BigEndian.U64(Bytes, 40), clusterBits, "L1 table"),
            SnapshotCount = (int)snapshots,
            SnapshotsOffset = snapshots == 0 ? default : Aligned(BigEndian.U64(Bytes, 64), clusterBits, "snapshot table"),
            DataFile = ReadName(extensions, Qcow2HeaderExtension.DataFileName, "data file"),
            Extensions = extensions,
        };
    }

    private List<Qcow2HeaderExtension> ReadExtensions(int start)
    {
        // The backing file's name stands behind the extensions, so they end there at the latest.
        ulong backing = BigEndian.U64(Bytes, 8);
        int end = backing != 0 && backing < (ulong)Bytes.Length ? (int)backing : Bytes.Length;
        var extensions = new List<Qcow2HeaderExtension>();
        for (int at = start; at <= end - 8;)
        {
            uint type = BigEndian.U32(Bytes, at);
            if (type == Qcow2HeaderExtension.End)
                break;
            uint length = BigEndian.U32(Bytes, at + 4);
            at += 8;
            Require(length <= end - at, $"the extension 0x{type:x8} at offset {at - 8} claims {length} bytes");
            Require(extensions.Count < MaximumExtensions, $"it has more than {MaximumExtensions} extensions");
            // A copy, so that the header does not keep a cluster of up to 2 MiB alive.
            extensions.Add(new Qcow2HeaderExtension(type, Bytes.Slice(at, (int)length).ToArray()));
            at += (int)((length + 7) & ~7u);
        }

        return extensions;
    }

    private void RefuseUnknownFeatures(Qcow2IncompatibleFeatures features, List<Qcow2HeaderExtension> extensions)
    {
        ulong unknown = (ulong)(features & ~Qcow2IncompatibleFeatures.Known);
        if (unknown == 0)
            return;
        var names = new List<string>();
        for (; unknown != 0; unknown &= unknown - 1)
            names.Add(NameOf(BitOperations.TrailingZeroCount(unknown), extensions));
        throw new MomentException(
            Qcow2Errors.Qcow2FeatureUnknown, $"'{path}' uses what this version cannot read: {string.Join(", ", names)}.", path,
            "Convert the image with a QEMU that knows the feature, or use a newer MomentTools.");
    }

    private static string NameOf(int bit, List<Qcow2HeaderExtension> extensions)
    {
        ReadOnlySpan<byte> table = (extensions.Find(extension => extension.Type == Qcow2HeaderExtension.FeatureNames)?.Data ?? default).Span;
        for (; table.Length >= FeatureNameEntry; table = table[FeatureNameEntry..])
        {
            if (table[0] == 0 && table[1] == bit)
                return $"{Encoding.UTF8.GetString(table[2..FeatureNameEntry]).TrimEnd('\0')} (incompatible feature bit {bit})";
        }

        return $"incompatible feature bit {bit}";
    }

    private CompressionType ReadCompressionType(int length, Qcow2IncompatibleFeatures features)
    {
        byte type = length > Version3Length ? Bytes[Version3Length] : (byte)0;
        Require(features.HasFlag(Qcow2IncompatibleFeatures.CompressionType) == (type != 0), $"the compression type {type} and its feature bit contradict each other");
        return type <= 1 ? (CompressionType)type : throw new MomentException(
            Qcow2Errors.Qcow2CompressionUnknown, $"'{path}' is compressed by method {type}; zlib (0) and zstd (1) can be read.", path,
            "Convert the image with a QEMU that knows the method.");
    }

    private string? ReadBackingFile()
    {
        ulong offset = BigEndian.U64(Bytes, 8);
        uint length = BigEndian.U32(Bytes, 16);
        if (offset == 0 || length == 0)
            return null;
        Require(length <= 1023 && offset <= (ulong)Bytes.Length && length <= (ulong)Bytes.Length - offset, $"the backing file's name is said to be {length} bytes at offset {offset}");
        return Text(Bytes.Slice((int)offset, (int)length), "backing file");
    }

    private string? ReadName(List<Qcow2HeaderExtension> extensions, uint type, string what)
    {
        if (extensions.Find(extension => extension.Type == type) is not { Data.Length: > 0 } extension)
            return null;
        Require(extension.Data.Length <= 1023, $"the {what}'s name has {extension.Data.Length} bytes");
        return Text(extension.Data.Span, what);
    }

    // These names are followed, so a name that cannot be told exactly is refused and not guessed at.
    private string Text(ReadOnlySpan<byte> bytes, string what)
    {
        try
        {
            string text = StrictUtf8.GetString(bytes);
            Require(!text.Contains('\0', StringComparison.Ordinal), $"the {what}'s name holds a zero byte");
            return text;
        }
        catch (DecoderFallbackException)
        {
            throw Qcow2Errors.HeaderInvalid(path, $"the {what}'s name is not UTF-8");
        }
    }

    private HostOffset Aligned(ulong offset, int clusterBits, string what)
    {
        Require(offset % (1UL << clusterBits) == 0, $"the {what} lies at offset 0x{offset:x}, which is not a cluster's beginning");
        return new HostOffset(Signed(offset, what));
    }

    private long Signed(ulong number, string what)
    {
        Require(number <= long.MaxValue, $"the {what} 0x{number:x} is out of all bounds");
        return (long)number;
    }

    private void Require(bool condition, string otherwise)
    {
        if (!condition)
            throw Qcow2Errors.HeaderInvalid(path, otherwise);
    }
}
