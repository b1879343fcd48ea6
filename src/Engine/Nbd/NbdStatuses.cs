using System.Runtime.CompilerServices;
using MomentTools.Blocks;

namespace MomentTools.Nbd;

/// <summary>Block status of any range, made of as many requests as the server needs.</summary>
internal sealed class NbdStatuses(NbdSession session, IReadOnlyList<string> contexts)
{
    /// <summary>The runs of [offset, offset + length) by their flags in a granted context: no gaps, neighbours joined.</summary>
    public async IAsyncEnumerable<NbdStatusExtent> BlockStatusAsync(
        string context, long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        NbdStatusExtent? last = null;
        await foreach (List<NbdStatusExtent> extents in StatusRepliesAsync(context, offset, length, cancellation))
        {
            foreach (NbdStatusExtent extent in extents)
            {
                if (last is { } open && open.Flags == extent.Flags)
                {
                    last = open with { Length = open.Length + extent.Length };
                    continue;
                }

                if (last is { } complete)
                    yield return complete;
                last = extent;
            }
        }

        if (last is { } final)
            yield return final;
    }

    /// <summary>The bytes of the whole disk that a bitmap context (<c>qemu:dirty-bitmap:NAME</c>) marks as changed.</summary>
    public async Task<ExtentMap> ReadDirtyBitmapAsync(string context, CancellationToken cancellation)
    {
        var dirty = new ExtentMapBuilder();
        await ReadFlaggedAsync(context, NbdContext.StateDirty, 0, session.Length, dirty, cancellation);
        return dirty.Build();
    }

    /// <summary>Adds the runs of [offset, offset + length) that have a flag in a granted context: <see cref="BlockStatusAsync"/> for hundreds of thousands of them.</summary>
    public async Task ReadFlaggedAsync(string context, uint flag, long offset, long length, ExtentMapBuilder flagged, CancellationToken cancellation)
    {
        await foreach (List<NbdStatusExtent> extents in StatusRepliesAsync(context, offset, length, cancellation))
        {
            foreach (NbdStatusExtent extent in extents)
            {
                if ((extent.Flags & flag) != 0)
                    flagged.Add(extent.Offset, extent.Length);
            }
        }
    }

    /// <summary>
    /// From base:allocation. Runs that read as zeroes are <see cref="BlockKind.Zero"/>, stored or not: an export shows the
    /// whole chain, so nothing beneath can show through. Without that context everything is data.
    /// </summary>
    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        session.RequireInside(offset, length);
        if (length == 0)
            yield break;
        if (!contexts.Contains(NbdContext.BaseAllocation, StringComparer.Ordinal))
        {
            yield return new BlockStatus(offset, length, BlockKind.Data);
            yield break;
        }

        BlockStatus? last = null;
        await foreach (NbdStatusExtent extent in BlockStatusAsync(NbdContext.BaseAllocation, offset, length, cancellation))
        {
            // A hole that is not said to be zero is undefined: only reading tells.
            BlockKind kind = (extent.Flags & NbdContext.StateZero) != 0 ? BlockKind.Zero : BlockKind.Data;
            if (last is { } open && open.Kind == kind)
            {
                last = open with { Length = open.Length + extent.Length };
                continue;
            }

            if (last is { } complete)
                yield return complete;
            last = new BlockStatus(extent.Offset, extent.Length, kind);
        }

        if (last is { } final)
            yield return final;
    }

    /// <summary>The extents of each reply, cut to what is wanted, until the range is covered.</summary>
    private async IAsyncEnumerable<List<NbdStatusExtent>> StatusRepliesAsync(
        string name, long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        session.RequireInside(offset, length);
        NbdContext context = session.Agreed.Contexts.FirstOrDefault(granted => granted.Name == name)
            ?? throw NbdErrors.ContextNotGranted(session.Endpoint, name, contexts);
        long end = offset + length;
        while (offset < end)
        {
            (long start, long until) = session.Widen(offset, end);
            var request = new NbdStatusRequest(
                session.Endpoint, start, (uint)Math.Min(until - start, NbdLimits.MaxStatusLength), context, session.Agreed.Contexts);
            await session.RunAsync(request, cancellation);
            long told = request.Extents[^1].End;
            if (told <= offset)
                throw NbdErrors.Violation(session.Endpoint, $"the block status from offset {start} on ends at {told} and so tells nothing new");
            Cut(request.Extents, offset, end);
            yield return request.Extents;
            offset = told;
        }
    }

    // What was asked for is widened to whole blocks, and the last extent may pass the end of the request.
    private static void Cut(List<NbdStatusExtent> extents, long start, long end)
    {
        extents.RemoveAll(extent => extent.End <= start || extent.Offset >= end);
        extents[0] = new NbdStatusExtent(start, extents[0].End - start, extents[0].Flags);
        extents[^1] = extents[^1] with { Length = Math.Min(extents[^1].End, end) - extents[^1].Offset };
    }
}
