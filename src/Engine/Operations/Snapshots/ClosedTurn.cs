using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>An <see cref="ImageTurn"/> while nobody has the images open: a storage daemon for the bitmaps, qemu-img for the content. Every step can be repeated.</summary>
internal static class ClosedTurn
{
    /// <summary>Goes the whole way from the removal of the bitmaps on, however much of it was done already.</summary>
    public static async Task FinishAsync(DomainPlace place, DomainDocument domain, ImageTurn turn, string id)
    {
        await using (BlockSession session = await OpenAsync(place, domain, turn))
        {
            await new MachineTurn(session.Qmp, On(session, turn), id).RemoveAsync();
            await session.CloseAsync(CancellationToken.None);
        }

        await LoadAsync(turn);
        await RecordAsync(place, domain, turn, id, back: false);
    }

    /// <summary>Makes the snapshots' content the disks'; no bitmap may be left.</summary>
    public static Task LoadAsync(ImageTurn turn) => Task.WhenAll(turn.Steps.Select(step => ImageTool.ApplySnapshotAsync(step.Disk, step.Path, step.SnapshotId)));

    /// <summary>Begins to record, at the new place or the old one.</summary>
    public static async Task RecordAsync(DomainPlace place, DomainDocument domain, ImageTurn turn, string id, bool back)
    {
        if (turn.Steps.All(step => step.Mark is null))
            return;
        await using BlockSession session = await OpenAsync(place, domain, turn);
        await using (AuthoredBitmaps full = await AuthoredBitmaps.FullAsync(session, id + "m", [.. turn.Steps.Select(step => session.Disks[step.Disk].VirtualSize)], CancellationToken.None))
            await new MachineTurn(session.Qmp, On(session, turn), id).OpenAsync(full.Bitmaps, back);
        await session.CloseAsync(CancellationToken.None);
    }

    public static Task<BlockSession> OpenAsync(DomainPlace place, DomainDocument domain, ImageTurn turn) =>
        BlockSession.OpenAsync(place, domain, [.. turn.Steps.Select(step => step.Disk)], BlockAccess.Change, CancellationToken.None);

    /// <summary>The same with the nodes of this session, which may be those of another process than then.</summary>
    public static ImageTurn On(BlockSession session, ImageTurn turn) =>
        turn with { Steps = [.. turn.Steps.Select(step => step with { Node = session.Disks[step.Disk].NodeName })] };
}
