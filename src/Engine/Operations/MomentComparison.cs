using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// Compare-VMMoment: for each disk how two points in time are related in that disk's own tree, and how much was written between them. A disk
/// of which that is not known is a result with the reason, so that the others are told all the same.
/// </summary>
internal sealed class MomentComparison(EngineContext context)
{
    public async Task<IReadOnlyList<VMMomentComparison>> RunAsync(
        string vm, string from, string? to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        (ChangeQuestion question, IReadOnlyList<DiskChanges> changes) = await new ChangedBlocks(context, "Compare-VMMoment").CompareAsync(vm, from, to, disks, report, cancellation);
        IEnumerable<VMMomentComparison> told = changes.Select(disk => Covered(vm, question, disk))
            .Concat(question.Uncovered.Select(disk => Uncovered(vm, question, disk.Key, disk.Value)));
        string[] order = [.. disks, .. question.Domain.Disks.Select(disk => disk.Target)];
        return [.. told.OrderBy(one => Array.IndexOf(order, one.Disk) is >= 0 and var place ? place : order.Length).ThenBy(one => one.Disk, StringComparer.Ordinal)];
    }

    private static VMMomentComparison Covered(string vm, ChangeQuestion question, DiskChanges changes)
    {
        DiskTracking tracking = question.State.Disk(changes.Disk);
        string from = tracking.PointOf(question.From)!.Id;
        string? to = question.EndPoint(tracking);
        TrackingPoint? meeting = to is null ? null : tracking.Meeting(from, to);
        VMMomentRelation relation = meeting?.Id switch
        {
            null => VMMomentRelation.Unrelated,
            var id when id == from => id == to ? VMMomentRelation.Same : VMMomentRelation.Ancestor,
            var id => id == to ? VMMomentRelation.Descendant : VMMomentRelation.Related,
        };
        bool known = changes.Doubt is null;
        return new VMMomentComparison
        {
            VM = vm,
            Disk = changes.Disk,
            From = question.From.Name,
            To = question.To?.Name,
            Relation = relation,
            CommonMoment = tracking.NearestMoment(meeting?.Id)?.Name,
            Bytes = known ? changes.Blocks.TotalLength : null,
            Count = known ? changes.Blocks.Count : null,
            DiskSize = known ? changes.Size : Larger(tracking, from, to),
            Known = known,
            Reason = known ? null : to is not null && meeting is null ? "the two have no past in common on this disk" : changes.Doubt,
        };
    }

    private static VMMomentComparison Uncovered(string vm, ChangeQuestion question, string disk, string reason) => new()
    {
        VM = vm,
        Disk = disk,
        From = question.From.Name,
        To = question.To?.Name,
        Relation = VMMomentRelation.NotCovered,
        Known = false,
        Reason = reason,
    };

    // As it was recorded, where nobody could look.
    private static long? Larger(DiskTracking tracking, string from, string? to) =>
        to is null ? tracking.Points[from].Size : Math.Max(tracking.Points[from].Size, tracking.Points[to].Size);
}
