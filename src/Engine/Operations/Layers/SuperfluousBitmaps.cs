using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Bitmaps on the layers that the machine writes to, which no edge needs since points were let go: with a disk's last point its recording
/// bitmap and its mark, too. What is left of them after a crash in between, Test-VMMoment tells and Repair-VMMoment removes.
/// </summary>
internal static class SuperfluousBitmaps
{
    public static async Task RemoveAsync(ChangeScope scope, DomainMoments before, IOperationReport report, CancellationToken cancellation)
    {
        Dictionary<string, HashSet<string>> gone = new(StringComparer.Ordinal);
        foreach (DiskTracking disk in before.Disks.Values)
            if (disk.ActiveTip is { } tip && scope.Domain.FindDisk(disk.Disk) is { SourcePath: { } path } && disk.Layers.GetValueOrDefault(tip.LayerId)?.Path == path
                && Needed(disk, tip.LayerId).Except(Needed(scope.State.Disk(disk.Disk), tip.LayerId), StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal) is { Count: > 0 } names)
                gone[disk.Disk] = names;
        if (gone.Count == 0)
            return;
        try
        {
            await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [.. gone.Keys], BlockAccess.Change, cancellation);
            TransactionAction[] actions =
            [
                .. SessionView.BitmapsAtOpening(session).SelectMany(seen => seen.Value.Bitmaps.Values
                    .Where(bitmap => !bitmap.Busy && gone[seen.Key].Contains(bitmap.Name))
                    .Select(bitmap => TransactionAction.BitmapRemove(session.Disks[seen.Key].NodeName, bitmap.Name))),
            ];
            if (actions.Length > 0)
                await session.Qmp.TransactionAsync(actions, CancellationToken.None);
            await session.CloseAsync(CancellationToken.None);
        }
        catch (MomentException failure) when (failure.ErrorId.Kind is not ErrorKind.Connection)
        {
            report.Warning($"Bitmaps that nothing needs any more stay in the images of '{scope.Place.Name}': {failure.Message} Repair-VMMoment removes them.");
        }
    }

    private static HashSet<string> Needed(DiskTracking disk, string layer) =>
    [
        .. disk.References(layer).Keys,
        .. disk.Tips.Values.Where(tip => tip.LayerId == layer && tip.Saved is null).SelectMany(tip => (string[])[tip.Recording, tip.Marker]),
    ];
}
