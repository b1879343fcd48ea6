using System.Buffers.Binary;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>NBD_CMD_BLOCK_STATUS: collects the runs of one of the granted contexts; the server answers for all of them.</summary>
internal sealed class NbdStatusRequest(NbdEndpoint endpoint, long offset, uint length, NbdContext wanted, IReadOnlyList<NbdContext> granted)
    : NbdRequest(endpoint, Command.BlockStatus, (ulong)offset, length)
{
    private const int DescriptorLength = 8;
    private readonly HashSet<uint> _answered = [];

    /// <summary>
    /// The runs of the wanted context from the request's offset on: without gaps, neighbours joined, at least one.
    /// They may end before or behind the end of the request. To be read once the wait has ended.
    /// </summary>
    public List<NbdStatusExtent> Extents { get; } = [];

    public override ValueTask ReceiveSimpleAsync(NbdStream stream, bool structuredReplies, CancellationToken cancellation) =>
        throw Violation("a block status request is answered with a simple reply");

    public override async ValueTask ReceiveContentAsync(ReplyType type, uint length, NbdStream stream, CancellationToken cancellation)
    {
        if (type != ReplyType.BlockStatus)
            throw Violation($"a block status request is answered with chunk type {(ushort)type}");
        if (length < 4 + DescriptorLength || (length - 4) % DescriptorLength != 0 || (length - 4) / DescriptorLength > NbdLimits.MaxDescriptors)
            throw Violation($"a block status chunk has {length} bytes");
        uint context = BinaryPrimitives.ReadUInt32BigEndian((await stream.ReadExactAsync(4, cancellation)).Span);
        if (!granted.Any(known => known.Id == context))
            throw Violation($"a block status chunk is about the metadata context {context}, which was not agreed on");
        if (!_answered.Add(context))
            throw Violation($"two block status chunks of one reply are about the metadata context {context}");

        uint descriptors = (length - 4) / DescriptorLength;
        long end = (long)Offset;
        while (descriptors > 0)
        {
            int batch = (int)Math.Min(descriptors, (uint)(stream.MaxExact / DescriptorLength));
            ReadOnlyMemory<byte> bytes = await stream.ReadExactAsync(batch * DescriptorLength, cancellation);
            end = Take(bytes.Span, end, context == wanted.Id);
            descriptors -= (uint)batch;
        }
    }

    protected override void Verify()
    {
        if (Extents.Count == 0)
            throw Violation($"a block status reply says nothing of '{wanted.Name}'");
    }

    private long Take(ReadOnlySpan<byte> descriptors, long end, bool keep)
    {
        for (; !descriptors.IsEmpty; descriptors = descriptors[DescriptorLength..])
        {
            // Only the last run may reach the request's end or pass it.
            if (end - (long)Offset >= Length)
                throw Violation($"block status extents go on behind the {Length} bytes at offset {Offset} that were asked for");
            uint run = BinaryPrimitives.ReadUInt32BigEndian(descriptors);
            if (run == 0 || run > long.MaxValue - end)
                throw Violation($"a block status extent at offset {end} has {run} bytes");
            if (keep)
                Add(end, run, BinaryPrimitives.ReadUInt32BigEndian(descriptors[4..]));
            end += run;
        }

        return end;
    }

    private void Add(long start, uint length, uint flags)
    {
        if (Extents.Count > 0 && Extents[^1].Flags == flags)
            Extents[^1] = Extents[^1] with { Length = Extents[^1].Length + length };
        else
            Extents.Add(new NbdStatusExtent(start, length, flags));
    }
}
