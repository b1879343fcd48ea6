using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>
/// Everything that changes an export, in whole blocks of the server: a misaligned write is refused, because another client
/// could write between the reading and the writing of its edges. Only at the export's end may a block be cut short.
/// </summary>
internal sealed class NbdWrites(NbdSession session)
{
    // What is sent where the server has no command for zeroes.
    private const int ZeroesAtOnce = 256 << 10;

    private const int NotSupported = 95;

    private static readonly byte[] Zeroes = new byte[ZeroesAtOnce];

    /// <summary>NBD_CMD_WRITE. With <paramref name="durable"/> the bytes are on stable storage at the end: by FUA, or by a flush where the server has none.</summary>
    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, bool durable, CancellationToken cancellation)
    {
        Require("bytes", ExportFlags.None, "NBD_CMD_WRITE", offset, data.Length);
        bool fua = Offers(ExportFlags.SendFua);
        if (durable && !fua && !Offers(ExportFlags.SendFlush))
            throw NbdErrors.FlushUnsupported(session.Endpoint);
        await SendAsync(offset, data, durable && fua ? CommandFlags.Fua : CommandFlags.None, cancellation);
        if (durable && !fua)
            await FlushAsync(cancellation);
    }

    /// <summary>NBD_CMD_WRITE_ZEROES.</summary>
    public Task WriteZeroesAsync(long offset, long length, CommandFlags flags, CancellationToken cancellation)
    {
        Require("zeroes", ExportFlags.SendWriteZeroes, "NBD_CMD_WRITE_ZEROES", offset, length);
        if (flags.HasFlag(CommandFlags.FastZero) && !Offers(ExportFlags.SendFastZero))
            throw NbdErrors.NotOffered(session.Endpoint, "NBD_CMD_FLAG_FAST_ZERO");
        if (flags.HasFlag(CommandFlags.Fua) && !Offers(ExportFlags.SendFua))
            throw NbdErrors.NotOffered(session.Endpoint, "NBD_CMD_FLAG_FUA");
        return InStepsAsync(offset, length, (at, count) => new NbdWriteZeroesRequest(session.Endpoint, at, count, flags), cancellation);
    }

    /// <summary>Zeroes, as a hole if the server likes, where that is faster than sending the zeroes; false if it is not, or the server cannot tell.</summary>
    public async Task<bool> TryZeroFastAsync(long offset, long length, CancellationToken cancellation)
    {
        Require("zeroes", ExportFlags.None, "NBD_CMD_WRITE_ZEROES", offset, length);
        if (!Offers(ExportFlags.SendWriteZeroes | ExportFlags.SendFastZero))
            return false;
        try
        {
            await WriteZeroesAsync(offset, length, CommandFlags.FastZero, cancellation);
            return true;
        }
        catch (MomentException refused) when (refused.PeerErrorNumber == NotSupported)
        {
            return false;
        }
    }

    /// <summary>Makes the range read as zeroes by what the server has: as a hole if it likes, else by writing them.</summary>
    public async Task ZeroAsync(long offset, long length, CancellationToken cancellation)
    {
        if (Offers(ExportFlags.SendWriteZeroes))
        {
            await WriteZeroesAsync(offset, length, CommandFlags.None, cancellation);
            return;
        }

        Require("zeroes", ExportFlags.None, "NBD_CMD_WRITE", offset, length);
        for (long end = offset + length; offset < end; offset += ZeroesAtOnce)
            await SendAsync(offset, Zeroes.AsMemory(0, (int)Math.Min(end - offset, ZeroesAtOnce)), CommandFlags.None, cancellation);
    }

    /// <summary>NBD_CMD_TRIM.</summary>
    public Task TrimAsync(long offset, long length, CancellationToken cancellation)
    {
        Require("a hole", ExportFlags.SendTrim, "NBD_CMD_TRIM", offset, length);
        return InStepsAsync(offset, length, (at, count) => new NbdTrimRequest(session.Endpoint, at, count), cancellation);
    }

    /// <summary>NBD_CMD_FLUSH.</summary>
    public Task FlushAsync(CancellationToken cancellation) => Offers(ExportFlags.SendFlush)
        ? session.RunAsync(new NbdFlushRequest(session.Endpoint), cancellation)
        : Task.FromException(NbdErrors.FlushUnsupported(session.Endpoint));

    private bool Offers(ExportFlags flags) => session.Agreed.Flags.HasFlag(flags);

    private async Task SendAsync(long offset, ReadOnlyMemory<byte> data, CommandFlags flags, CancellationToken cancellation)
    {
        int longest = session.BlockSizes.LongestPayload;
        if (data.Length <= longest)
        {
            if (data.Length > 0)
                await session.RunAsync(new NbdWriteRequest(session.Endpoint, offset, data, flags), cancellation);
            return;
        }

        var pieces = new List<Task>((data.Length / longest) + 1);
        for (long at = 0; at < data.Length; at += longest)
        {
            ReadOnlyMemory<byte> piece = data.Slice((int)at, (int)Math.Min(longest, data.Length - at));
            pieces.Add(session.RunAsync(new NbdWriteRequest(session.Endpoint, offset + at, piece, flags), cancellation));
        }

        // Waits for all of them, failed or not: the bytes go back to their owner.
        await Task.WhenAll(pieces);
    }

    private async Task InStepsAsync(long offset, long length, Func<long, uint, NbdRequest> request, CancellationToken cancellation)
    {
        for (long end = offset + length; offset < end; offset += NbdLimits.MaxZeroLength)
            await session.RunAsync(request(offset, (uint)Math.Min(end - offset, NbdLimits.MaxZeroLength)), cancellation);
    }

    private void Require(string what, ExportFlags offered, string command, long offset, long length)
    {
        if (Offers(ExportFlags.ReadOnly))
            throw NbdErrors.NotWritable(session.Endpoint, what, "the export is read-only");
        if (!Offers(offered))
            throw NbdErrors.NotWritable(session.Endpoint, what, $"the server does not offer {command}");
        session.RequireInside(offset, length);
        (long start, long end) = session.Widen(offset, offset + length);
        if (start != offset || end != offset + length)
            throw NbdErrors.RangeMisaligned(session.Endpoint, offset, length, session.BlockSizes.Minimum);
    }
}
