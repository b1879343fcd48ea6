using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>
/// One qcow2 file, this layer only, read by position and never written. A machine may hold the file open: then what is
/// read is what was last written to it, and the machine itself is the truth.
/// </summary>
internal sealed class Qcow2Image : IImageLayer
{
    private readonly ImageFile _file;
    private readonly ImageFile? _dataFile;
    private readonly ClusterMap _map;
    private readonly ClusterReader _clusters;

    private Qcow2Image(ImageFile file, ImageFile? dataFile, Qcow2Header header)
    {
        _file = file;
        _dataFile = dataFile;
        _map = new ClusterMap(file, header);
        _clusters = new ClusterReader(file, dataFile, header);
        Header = header;
    }

    public string Path => _file.Path;

    public long Length => Header.Size;

    public Qcow2Header Header { get; }

    /// <summary>Opens the file and reads its header. Nothing the image names is opened: the data of an external data file cannot be read.</summary>
    public static Task<Qcow2Image> OpenAsync(string path, CancellationToken cancellation) => OpenAsync(path, gate: null, cancellation);

    /// <summary>Opens the file, and its external data file where the gate admits it.</summary>
    public static async Task<Qcow2Image> OpenAsync(string path, IImageGate? gate, CancellationToken cancellation)
    {
        ImageFile file = ImageFile.Open(path);
        try
        {
            Qcow2Header header = await ReadHeaderAsync(file, cancellation);
            ImageFile? dataFile = gate is not null && header is { HasDataFile: true, DataFile: { } name }
                ? ImageFile.Open(gate.Admit(path, name, "raw"))
                : null;
            return new Qcow2Image(file, dataFile, header);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The stored bitmaps; none when the header says that a program without bitmap support wrote to the image.</summary>
    public Task<IReadOnlyList<Qcow2Bitmap>> BitmapsAsync(CancellationToken cancellation) =>
        new BitmapDirectory(_file, Header).ReadAsync(cancellation);

    /// <summary>The bytes of the disk that a stored bitmap marks, cut at the virtual size.</summary>
    public Task<ExtentMap> ReadBitmapAsync(Qcow2Bitmap bitmap, CancellationToken cancellation) =>
        new BitmapReader(_file, Header, bitmap).ReadAsync(cancellation);

    /// <summary>The internal snapshots, in the order of the file.</summary>
    public Task<IReadOnlyList<Qcow2Snapshot>> SnapshotsAsync(CancellationToken cancellation) =>
        new SnapshotTable(_file, Header).ReadAsync(cancellation);

    /// <summary>
    /// Whether the disk's content is that of a snapshot, as far as the file tells: both have the same L2 tables. A snapshot that is applied
    /// gets the disk its tables, and the first write behind it gives the disk a table of its own, written at once (specification: "Snapshots").
    /// </summary>
    public async Task<bool> HoldsAsync(Qcow2Snapshot snapshot, CancellationToken cancellation)
    {
        if (Header.Size != snapshot.DiskSize)
            return false;
        // What lies behind the disk's entries is saved machine state.
        int entries = Header.Size == 0 ? 0 : (int)((Header.Size - 1) >> L2Table.CoveredBits(Header)) + 1;
        ulong[] active = await TablesAsync(Header.L1TableOffset, Math.Min(entries, Header.L1Size), cancellation);
        ulong[] saved = await TablesAsync(snapshot.L1TableOffset, Math.Min(entries, snapshot.L1Size), cancellation);
        int same = active.AsSpan().CommonPrefixLength(saved);
        return active.AsSpan(same).IndexOfAnyExcept(0UL) < 0 && saved.AsSpan(same).IndexOfAnyExcept(0UL) < 0;
    }

    public IAsyncEnumerable<Qcow2Mapping> MapAsync(long offset, long length, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Header.Size - offset);
        return _map.RunsAsync(offset, offset + length, cancellation);
    }

    public Task<LayerHoles> HolesAsync(ExtentMap ranges, CancellationToken cancellation) => _map.HolesAsync(ranges, cancellation);

    public ValueTask ReadAsync(Qcow2Mapping mapping, Memory<byte> buffer, CancellationToken cancellation) =>
        _clusters.ReadAsync(mapping, buffer, cancellation);

    public ValueTask DisposeAsync()
    {
        _map.Dispose();
        _dataFile?.Dispose();
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<ulong[]> TablesAsync(HostOffset offset, int entries, CancellationToken cancellation)
    {
        ulong[] table = await _file.ReadTableAsync("L1 table", offset.Value, entries, cancellation);
        foreach (ref ulong entry in table.AsSpan())
            entry &= L2Table.OffsetMask;
        return table;
    }

    private static async Task<Qcow2Header> ReadHeaderAsync(ImageFile file, CancellationToken cancellation)
    {
        byte[] probe = new byte[HeaderParser.ProbeLength];
        int read = await file.ReadAsync(0, probe, cancellation);
        int clusterBits = HeaderParser.ProbeClusterBits(file.Path, probe.AsSpan(0, read));
        byte[] cluster = new byte[Math.Min(1 << clusterBits, Math.Max(file.Length, HeaderParser.ProbeLength))];
        read = await file.ReadAsync(0, cluster, cancellation);
        return new HeaderParser(file.Path, cluster.AsMemory(0, read)).Parse();
    }
}
