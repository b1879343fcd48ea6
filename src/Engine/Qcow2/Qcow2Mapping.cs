namespace MomentTools.Qcow2;

/// <summary>What one layer says about a run of the disk (specification: "Cluster mapping").</summary>
/// <param name="Offset">Where the run begins on the disk.</param>
/// <param name="Length">How many bytes it has.</param>
internal abstract record Qcow2Mapping(GuestOffset Offset, long Length)
{
    /// <summary>The first byte of the disk behind the run.</summary>
    public long End => Offset.Value + Length;

    /// <summary>The layer says nothing: the backing file decides, and where there is none the run reads as zeroes.</summary>
    public sealed record Unallocated(GuestOffset Offset, long Length) : Qcow2Mapping(Offset, Length);

    /// <summary>Reads as zeroes, whatever lies beneath.</summary>
    public sealed record Zero(GuestOffset Offset, long Length) : Qcow2Mapping(Offset, Length);

    /// <summary>Stored in one piece from <paramref name="Host"/> on.</summary>
    public sealed record Data(GuestOffset Offset, long Length, HostOffset Host) : Qcow2Mapping(Offset, Length);

    /// <summary>Part of one compressed cluster, whose <paramref name="CompressedLength"/> bytes begin at <paramref name="Host"/>.</summary>
    public sealed record Compressed(GuestOffset Offset, long Length, HostOffset Host, int CompressedLength) : Qcow2Mapping(Offset, Length);

    /// <summary>Both runs as one, where <paramref name="next"/> simply goes on; null where it does not.</summary>
    public Qcow2Mapping? Join(Qcow2Mapping next) => (this, next) switch
    {
        (Unallocated or Zero, _) when GetType() == next.GetType() => this with { Length = Length + next.Length },
        (Data data, Data other) when data.Host + Length == other.Host => this with { Length = Length + next.Length },
        _ => null,
    };
}
