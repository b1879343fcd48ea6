namespace MomentTools.Nbd;

/// <summary>Reads of any place and length, made of requests that the server takes.</summary>
internal sealed class NbdReads(NbdSession session)
{
    // Bytes of one read around a misaligned one: a multiple of every minimum block size.
    private const int WidenedRead = 1 << 20;

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        session.RequireInside(offset, buffer.Length);
        int longest = session.BlockSizes.LongestPayload;
        long misaligned = (offset | (uint)buffer.Length) & (session.BlockSizes.Minimum - 1);
        if (misaligned != 0)
            await ReadWidenedAsync(offset, buffer, cancellation);
        else if (buffer.Length > longest)
            await ReadInPiecesAsync(offset, buffer, longest, cancellation);
        else if (buffer.Length > 0)
            await session.RunAsync(new NbdReadRequest(session.Endpoint, offset, buffer), cancellation);
    }

    private async ValueTask ReadInPiecesAsync(long offset, Memory<byte> buffer, int longest, CancellationToken cancellation)
    {
        var pieces = new List<Task>(buffer.Length / longest + 1);
        for (long at = 0; at < buffer.Length; at += longest)
        {
            Memory<byte> piece = buffer.Slice((int)at, (int)Math.Min(longest, buffer.Length - at));
            pieces.Add(session.RunAsync(new NbdReadRequest(session.Endpoint, offset + at, piece), cancellation));
        }

        // Waits for all of them, failed or not: the buffer goes back to its owner.
        await Task.WhenAll(pieces);
    }

    // The server takes only multiples of its minimum block size (at most 64 KiB): reads around what is wanted.
    private async ValueTask ReadWidenedAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        (long start, long end) = session.Widen(offset, offset + buffer.Length);
        long step = Math.Min(session.BlockSizes.LongestPayload, WidenedRead);
        byte[] block = new byte[Math.Min(end - start, step)];
        for (; start < end; start += step)
        {
            Memory<byte> piece = block.AsMemory(0, (int)Math.Min(step, end - start));
            await session.RunAsync(new NbdReadRequest(session.Endpoint, start, piece), cancellation);
            long from = Math.Max(start, offset);
            long until = Math.Min(start + piece.Length, offset + buffer.Length);
            piece[(int)(from - start)..(int)(until - start)].CopyTo(buffer[(int)(from - offset)..]);
        }
    }
}
