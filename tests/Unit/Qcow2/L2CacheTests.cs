using MomentTools.Qcow2;

namespace MomentTools.Tests.Qcow2;

public sealed class L2CacheTests
{
    [Fact]
    public void ForgetsTheTableThatWasNotUsedForLongest()
    {
        var cache = new L2Cache(2 << 20);
        var header = new Qcow2Header { Version = 3, ClusterBits = 21, Size = 0, RefcountOrder = 4, L1Size = 0, L1TableOffset = default, Extensions = [] };
        for (long at = 0; at < 8; at++)
            cache.Add(at, new L2Table("disk.qcow2", header, []));
        Assert.NotNull(cache.Find(0));
        cache.Add(8, new L2Table("disk.qcow2", header, []));
        Assert.NotNull(cache.Find(0));
        Assert.Null(cache.Find(1));
        Assert.NotNull(cache.Find(8));
    }
}
