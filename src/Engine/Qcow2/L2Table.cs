using System.Numerics;
using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>
/// One L2 table: what it says about each cluster, or each of the 32 subclusters of a cluster when the entries are
/// extended (specification: "Cluster mapping", "Extended L2 Entries").
/// </summary>
internal sealed class L2Table(string path, Qcow2Header header, ulong[] words)
{
    public const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;

    private const ulong Copied = 1UL << 63;
    private const ulong CompressedFlag = 1UL << 62;
    private const ulong ZeroFlag = 1;
    private const int SubclusterBits = 5;
    private const int AllSubclusters = -1;

    private readonly int _clusterBits = header.ClusterBits;
    private readonly long _clusterMask = header.ClusterSize - 1;
    private readonly long _coveredMask = (1L << CoveredBits(header)) - 1;
    private readonly bool _extended = header.HasExtendedL2;
    private readonly bool _hasDataFile = header.HasDataFile;
    private readonly bool _plain = header is { HasExtendedL2: false, HasDataFile: false, Version: >= 3 };

    private enum UnitKind
    {
        Unallocated,
        Zero,
        Data,
        Compressed,
    }

    /// <summary>How many bits of a guest offset one table covers.</summary>
    public static int CoveredBits(Qcow2Header header) => header.ClusterBits + header.ClusterBits - (header.HasExtendedL2 ? 4 : 3);

    /// <summary>The longest run from <paramref name="guest"/> on that is alike, up to <paramref name="end"/>; both within this table.</summary>
    public Qcow2Mapping RunAt(long guest, long end)
    {
        Unit unit = UnitAt(guest, end);
        long runEnd = unit.End;
        if (unit.Kind != UnitKind.Compressed)
        {
            while (runEnd < end)
            {
                Unit next = UnitAt(runEnd, end);
                if (next.Kind != unit.Kind || (unit.Kind == UnitKind.Data && next.Host != unit.Host + (runEnd - guest)))
                    break;
                runEnd = next.End;
            }
        }

        var offset = new GuestOffset(guest);
        long length = runEnd - guest;
        return unit.Kind switch
        {
            UnitKind.Unallocated => new Qcow2Mapping.Unallocated(offset, length),
            UnitKind.Zero => new Qcow2Mapping.Zero(offset, length),
            UnitKind.Data => new Qcow2Mapping.Data(offset, length, new HostOffset(unit.Host)),
            _ => new Qcow2Mapping.Compressed(offset, length, new HostOffset(unit.Host), unit.CompressedLength),
        };
    }

    /// <summary>What the longest run from <paramref name="guest"/> on is, up to <paramref name="end"/>, wherever its bytes lie; both within this table.</summary>
    public (BlockKind Kind, long End) KindAt(long guest, long end)
    {
        (BlockKind kind, long runEnd) = UnitKindAt(guest, end);
        while (runEnd < end)
        {
            (BlockKind next, long nextEnd) = UnitKindAt(runEnd, end);
            if (next != kind)
                break;
            runEnd = nextEnd;
        }

        return (kind, runEnd);
    }

    // Nearly all entries are of these three forms; what is odd about the others is found where they are taken apart.
    private (BlockKind Kind, long End) UnitKindAt(long guest, long end)
    {
        if (_plain)
        {
            ulong entry = words[(guest & _coveredMask) >> _clusterBits], host = entry & ~Copied;
            BlockKind? kind = host switch
            {
                0 => BlockKind.Unallocated,
                ZeroFlag => BlockKind.Zero,
                _ => (host & (~OffsetMask | (ulong)_clusterMask)) == 0 ? BlockKind.Data : null,
            };
            if (kind is { } known)
                return (known, Math.Min((guest | _clusterMask) + 1, end));
        }

        Unit unit = UnitAt(guest, end);
        return (KindOf(unit.Kind), unit.End);
    }

    private static BlockKind KindOf(UnitKind kind) => kind switch
    {
        UnitKind.Unallocated => BlockKind.Unallocated,
        UnitKind.Zero => BlockKind.Zero,
        _ => BlockKind.Data,
    };

    private Unit UnitAt(long guest, long end)
    {
        int index = (int)((guest & _coveredMask) >> _clusterBits);
        long inCluster = guest & _clusterMask;
        long clusterStart = guest - inCluster;
        long clusterEnd = Math.Min(clusterStart + _clusterMask + 1, end);
        ulong entry = words[_extended ? index * 2 : index];
        if ((entry & CompressedFlag) != 0)
            return Compressed(entry, clusterStart, clusterEnd);

        ulong host = entry & OffsetMask;
        if ((host & (ulong)_clusterMask) != 0)
            throw Invalid(clusterStart, $"the entry 0x{entry:x}, whose offset is not a cluster's beginning");
        // Offset 0 is the header's cluster, unless the clusters are in a file of their own.
        bool hasHost = host != 0 || (_hasDataFile && (entry & Copied) != 0);
        if (hasHost && _hasDataFile && host != (ulong)clusterStart)
            throw Invalid(clusterStart, $"the offset 0x{host:x}, where an external data file allows none but the guest's");
        if (_extended)
            return Subclusters(words[(index * 2) + 1], hasHost, (long)host, clusterStart, inCluster, clusterEnd);
        if ((entry & ZeroFlag) != 0)
        {
            return header.Version >= 3
                ? new Unit(UnitKind.Zero, 0, 0, clusterEnd)
                : throw Invalid(clusterStart, "a zero cluster, which version 2 does not have");
        }

        return hasHost
            ? new Unit(UnitKind.Data, (long)host + inCluster, 0, clusterEnd)
            : new Unit(UnitKind.Unallocated, 0, 0, clusterEnd);
    }

    private Unit Subclusters(ulong bitmap, bool hasHost, long host, long clusterStart, long inCluster, long clusterEnd)
    {
        uint allocated = (uint)bitmap;
        uint zero = (uint)(bitmap >> 32);
        if ((allocated & zero) != 0 || (allocated != 0 && !hasHost))
            throw Invalid(clusterStart, $"the subcluster bitmap 0x{bitmap:x}, which contradicts itself or the entry");
        int unitBits = header.ClusterBits - SubclusterBits;
        int first = (int)(inCluster >> unitBits);
        UnitKind kind = (zero >> first & 1) != 0 ? UnitKind.Zero : (allocated >> first & 1) != 0 ? UnitKind.Data : UnitKind.Unallocated;
        uint same = kind switch
        {
            UnitKind.Zero => zero,
            UnitKind.Data => allocated,
            _ => ~(zero | allocated),
        };
        int alike = (int)same == AllSubclusters ? (1 << SubclusterBits) - first : BitOperations.TrailingZeroCount(~(same >> first));
        long end = Math.Min(clusterStart + ((long)(first + alike) << unitBits), clusterEnd);
        return new Unit(kind, kind == UnitKind.Data ? host + inCluster : 0, 0, end);
    }

    private Unit Compressed(ulong entry, long clusterStart, long clusterEnd)
    {
        if (header.HasDataFile)
            throw Invalid(clusterStart, "a compressed cluster, which an external data file does not allow");
        int offsetBits = 62 - (header.ClusterBits - 8);
        ulong descriptor = entry & (CompressedFlag - 1);
        long offset = (long)(descriptor & ((1UL << offsetBits) - 1));
        if (offset >> 56 != 0)
            throw Invalid(clusterStart, $"the compressed cluster's offset 0x{offset:x}, beyond the format's 56 bits");
        int sectors = (int)(descriptor >> offsetBits) + 1;
        return new Unit(UnitKind.Compressed, offset, (sectors * 512) - (int)(offset & 511), clusterEnd);
    }

    private MomentException Invalid(long guest, string what) =>
        Qcow2Errors.TableInvalid(path, $"for the guest offset {new GuestOffset(guest)} the L2 table holds {what}");

    private readonly record struct Unit(UnitKind Kind, long Host, int CompressedLength, long End);
}
