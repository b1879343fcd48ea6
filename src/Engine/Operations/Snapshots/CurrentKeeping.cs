using MomentTools.Moments;
using MomentTools.Operations.Branches;

namespace MomentTools.Operations.Snapshots;

/// <summary>Restore-VMSnapshot -KeepCurrent: a snapshot of the state that is left, taken where leaving it would lose anything.</summary>
internal static class CurrentKeeping
{
    /// <returns>The snapshot's name, or null: none was wanted, or needed.</returns>
    public static async Task<string?> RunAsync(
        EngineContext context, ChangeScope scope, RestoreTarget target, RestoreSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.KeepCurrent is not { } name)
            return null;
        if (await CleanAtAsync(scope, target, cancellation) is { } clean)
        {
            report.Warning($"'{scope.Place.Name}' is as snapshot '{clean.Name}' has it: nothing would be lost, and '{name}' was not taken.");
            return null;
        }

        var wish = new CreateSnapshotRequest
        {
            Name = name,
            // A layer on top of the images would keep them from going back inside.
            Internal = target.Internal,
            Disks = target.Covered,
            DiskOnly = !request.KeepMemory,
            Memory = request.KeepMemory,
            MemoryPath = request.MemoryPath,
            Live = request.Live,
            Quiesce = request.Quiesce,
            AcceptOwner = request.AcceptOwner,
        };
        return (await new SnapshotCreation(context).RunAsync(scope, wish, report, cancellation)).Name;
    }

    private static async Task<MomentKey?> CleanAtAsync(ChangeScope scope, RestoreTarget target, CancellationToken cancellation)
    {
        MomentKey?[] last = [.. target.Covered.Select(disk => RestoreLosses.LastSnapshot(scope.State.Disk(disk))).Distinct()];
        return last is [{ } only] && (await Cleanliness.ReadAsync(scope.Place, scope.Domain, scope.State, only, cancellation)).IsClean == true ? only : null;
    }
}
