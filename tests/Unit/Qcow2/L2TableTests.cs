using MomentTools.Errors;
using MomentTools.Qcow2;

namespace MomentTools.Tests.Qcow2;

/// <summary>Entries that QEMU would not write, and how runs go on from cluster to cluster.</summary>
public sealed class L2TableTests
{
    private const ulong Copied = 1UL << 63;
    private const ulong CompressedFlag = 1UL << 62;
    private const int Cluster = 1 << 16;
    private const ulong Host = 0x50000;

    private static readonly Qcow2Header Standard = new()
    {
        Version = 3, ClusterBits = 16, Size = 1L << 40, RefcountOrder = 4, L1Size = 2048, L1TableOffset = default, Extensions = [],
    };

    private static readonly Qcow2Header Extended = Standard with { IncompatibleFeatures = Qcow2IncompatibleFeatures.ExtendedL2 };

    private static readonly Qcow2Header WithDataFile = Standard with { IncompatibleFeatures = Qcow2IncompatibleFeatures.ExternalDataFile };

    [Fact]
    public void ClustersThatFollowEachOtherInTheFileAreOneRun()
    {
        L2Table table = Table(Standard, Copied | Host, Copied | (Host + Cluster), Copied | (Host + (3 * Cluster)));
        Assert.Equal(new Qcow2Mapping.Data(new GuestOffset(100), (2 * Cluster) - 100, new HostOffset((long)Host + 100)), table.RunAt(100, 3 * Cluster));
    }

    [Fact]
    public void ARunEndsWhereItIsToldTo() =>
        Assert.Equal(new Qcow2Mapping.Zero(new GuestOffset(10), 20), Table(Standard, 1, 1).RunAt(10, 30));

    [Fact]
    public void AZeroClusterWithAPlaceStoredForItIsZero() =>
        Assert.Equal(new Qcow2Mapping.Zero(default, 3 * Cluster), Table(Standard, 1, Copied | Host | 1, 1, 0).RunAt(0, 4 * Cluster));

    [Fact]
    public void SubclustersSpeakForThemselves()
    {
        const long Sub = Cluster / 32;
        // Allocated: 0 and 1. Zero: 2, and 31. The rest says nothing.
        L2Table table = Table(Extended, Copied | Host, 0b11 | (0b100UL << 32) | (1UL << 63), 0, 1UL << 32);
        Qcow2Mapping[] expected =
        [
            new Qcow2Mapping.Data(default, 2 * Sub, new HostOffset((long)Host)),
            new Qcow2Mapping.Zero(new GuestOffset(2 * Sub), Sub),
            new Qcow2Mapping.Unallocated(new GuestOffset(3 * Sub), 28 * Sub),
            new Qcow2Mapping.Zero(new GuestOffset(31 * Sub), 2 * Sub),
            new Qcow2Mapping.Unallocated(new GuestOffset(33 * Sub), 31 * Sub),
        ];
        long at = 0;
        foreach (Qcow2Mapping run in expected)
        {
            Assert.Equal(run, table.RunAt(at, 2 * Cluster));
            at = run.End;
        }
    }

    [Fact]
    public void WithADataFileOffsetZeroIsAPlace() =>
        Assert.Equal(new Qcow2Mapping.Data(default, 2 * Cluster, default), Table(WithDataFile, Copied, Copied | Cluster).RunAt(0, 2 * Cluster));

    [Fact]
    public void ACompressedClusterTellsWhereItsSectorsAre()
    {
        ulong entry = CompressedFlag | (2UL << 54) | (Host + 700);
        Assert.Equal(
            new Qcow2Mapping.Compressed(new GuestOffset(5), Cluster - 5, new HostOffset((long)Host + 700), (3 * 512) - 188),
            Table(Standard, entry, 0).RunAt(5, 2 * Cluster));
    }

    [Theory]
    [InlineData(Host | 0x200)] // inside a cluster
    [InlineData(Host | Copied | 0x8000)]
    public void AnEntryThatPointsInsideAClusterIsRefused(ulong entry) => AssertRefused(Table(Standard, entry));

    [Fact]
    public void VersionTwoHasNoZeroClusters() => AssertRefused(Table(Standard with { Version = 2 }, 1));

    [Theory]
    [InlineData(Host, 1UL | (1UL << 32))] // both allocated and zero
    [InlineData(0UL, 1UL)] // allocated nowhere
    public void ASubclusterBitmapThatContradictsItselfIsRefused(ulong entry, ulong bitmap) => AssertRefused(Table(Extended, entry, bitmap));

    [Theory]
    [InlineData(Copied | Cluster)] // not where the guest's cluster is
    [InlineData(CompressedFlag | Host)]
    public void ADataFileHoldsOnlyWhatLiesInItsPlace(ulong entry) => AssertRefused(Table(WithDataFile, entry));

    [Fact]
    public void ACompressedClusterBeyondTheFormatsReachIsRefused() =>
        AssertRefused(Table(Standard with { ClusterBits = 9 }, CompressedFlag | (1UL << 57)));

    private static L2Table Table(Qcow2Header header, params ulong[] words) => new("disk.qcow2", header, [.. words, 0, 0, 0, 0]);

    private static void AssertRefused(L2Table table) =>
        Assert.Equal(Qcow2Errors.Qcow2TableInvalid, Assert.Throws<MomentException>(() => table.RunAt(0, 512)).ErrorId);
}
