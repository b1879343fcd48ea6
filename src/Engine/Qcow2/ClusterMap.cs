using System.Runtime.CompilerServices;
using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>Follows the active L1 table and its L2 tables, which are read when first needed (specification: "Cluster mapping").</summary>
internal sealed class ClusterMap(ImageFile file, Qcow2Header header) : IDisposable
{
    private const int LargestRead = 64 << 10;

    private readonly L2Cache _cache = new(header.ClusterSize);
    private readonly SemaphoreSlim _loading = new(1);
    private readonly int _coveredBits = L2Table.CoveredBits(header);
    private ulong[]? _l1;

    /// <summary>What the layer says about [offset, end): runs in order, without gaps, neighbours joined.</summary>
    public async IAsyncEnumerable<Qcow2Mapping> RunsAsync(long offset, long end, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Qcow2Mapping? pending = null;
        for (long at = offset; at < end;)
        {
            Qcow2Mapping next = await RunAtAsync(at, end, cancellation);
            at = next.End;
            if (pending is null)
            {
                pending = next;
            }
            else if (pending.Join(next) is { } joined)
            {
                pending = joined;
            }
            else
            {
                yield return pending;
                pending = next;
            }
        }

        if (pending is not null)
            yield return pending;
    }

    /// <summary>Where the layer stores no bytes of these ranges, which lie within it. A table is kept no longer than it is needed.</summary>
    public async Task<LayerHoles> HolesAsync(ExtentMap ranges, CancellationToken cancellation)
    {
        ulong[] l1 = _l1 ?? await LoadL1Async(cancellation);
        var search = new HoleSearch(ranges, l1, _coveredBits);
        L2Table? table = null;
        // Each is looked at once: one array serves them all.
        ulong[] words = [];
        byte[] bytes = [];
        while (search.Run(table) is { } index)
        {
            cancellation.ThrowIfCancellationRequested();
            table = _cache.Find((long)l1[index]);
            if (table is not null)
                continue;
            if (words.Length == 0)
                (words, bytes) = (new ulong[header.ClusterSize / sizeof(ulong)], new byte[Math.Min(header.ClusterSize, LargestRead)]);
            await file.ReadTableAsync("L2 table", (long)l1[index], words, bytes, cancellation);
            table = new L2Table(file.Path, header, words);
        }

        return search.Holes();
    }

    public void Dispose() => _loading.Dispose();

    private async ValueTask<Qcow2Mapping> RunAtAsync(long at, long end, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ulong[] l1 = _l1 ?? await LoadL1Async(cancellation);
        int index = (int)(at >> _coveredBits);
        if (l1[index] == 0)
        {
            int present = l1.AsSpan(index).IndexOfAnyExcept(0UL);
            long absentEnd = present < 0 ? end : Math.Min(end, (long)(index + present) << _coveredBits);
            return new Qcow2Mapping.Unallocated(new GuestOffset(at), absentEnd - at);
        }

        L2Table table = await TableAsync((long)l1[index], cancellation);
        return table.RunAt(at, Math.Min(end, (long)(index + 1) << _coveredBits));
    }

    private async ValueTask<L2Table> TableAsync(long offset, CancellationToken cancellation)
    {
        if (_cache.Find(offset) is { } known)
            return known;
        ulong[] words = await file.ReadTableAsync("L2 table", offset, header.ClusterSize / sizeof(ulong), cancellation);
        var table = new L2Table(file.Path, header, words);
        _cache.Add(offset, table);
        return table;
    }

    /// <summary>The offsets of the L2 tables that belong to the disk; what lies behind them is saved machine state.</summary>
    private async Task<ulong[]> LoadL1Async(CancellationToken cancellation)
    {
        await _loading.WaitAsync(cancellation);
        try
        {
            return _l1 ??= await ReadL1Async(cancellation);
        }
        finally
        {
            _loading.Release();
        }
    }

    private async Task<ulong[]> ReadL1Async(CancellationToken cancellation)
    {
        int entries = header.Size == 0 ? 0 : (int)((header.Size - 1) >> _coveredBits) + 1;
        ulong[] l1 = await file.ReadTableAsync("L1 table", header.L1TableOffset.Value, entries, cancellation);
        foreach (ref ulong entry in l1.AsSpan())
        {
            entry &= L2Table.OffsetMask;
            if (entry % (ulong)header.ClusterSize != 0)
                throw Qcow2Errors.TableInvalid(file.Path, $"the L1 table names the offset 0x{entry:x}, which is not a cluster's beginning");
        }

        // A table that names one L2 table again and again would make a small file into a disk of any size.
        if (Distinct.FirstRepeated(l1, L2Table.OffsetMask) is { } repeated)
            throw Qcow2Errors.TableInvalid(file.Path, $"the L1 table names the L2 table at 0x{repeated:x} twice");
        return l1;
    }
}
