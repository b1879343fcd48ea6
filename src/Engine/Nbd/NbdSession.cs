namespace MomentTools.Nbd;

/// <summary>An export in the transmission phase: the link to it, and what the handshake agreed on.</summary>
internal sealed class NbdSession(NbdLink link, NbdNegotiated agreed, NbdEndpoint endpoint)
{
    public NbdNegotiated Agreed => agreed;

    public NbdEndpoint Endpoint => endpoint;

    public long Length => agreed.Length;

    public NbdBlockSizes BlockSizes => agreed.BlockSizes;

    public Task RunAsync(NbdRequest request, CancellationToken cancellation) => link.RunAsync(request, cancellation);

    public void RequireInside(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length || length > Length - offset)
            throw NbdErrors.RangeOutside(endpoint, offset, length, Length);
    }

    /// <summary>The whole blocks of the server around [start, end), cut at the export's end.</summary>
    public (long Start, long End) Widen(long start, long end)
    {
        long mask = BlockSizes.Minimum - 1;
        long widened = end > long.MaxValue - mask ? Length : (end + mask) & ~mask;
        return (start & ~mask, Math.Min(widened, Length));
    }
}
