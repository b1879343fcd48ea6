using MomentTools.Errors;
using MomentTools.Machines;

namespace MomentTools.Operations.Serving;

/// <summary>New-VMBlockSnapshot: the disks as they are at one instant, while the machine writes on.</summary>
internal sealed class BlockSnapshotCreation(EngineContext context)
{
    public const string Operation = "block-snapshot-create";

    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="owner">With whose end it ends.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Undoes what was done, as long as the instant has not come.</param>
    /// <returns>The block snapshot; its record is written.</returns>
    public async Task<BlockSnapshotRecord> RunAsync(ChangeScope scope, CreateBlockSnapshotRequest request, ServiceOwner owner, IOperationReport report, CancellationToken cancellation)
    {
        BlockSnapshotWish wish = BlockSnapshotWish.Of(scope, request);
        if ((await MachineProbe.RunAsync(scope.Place, scope.Domain, cancellation)).State == VMState.Stopped)
            return await StoppedBlockSnapshot.TakeAsync(context, scope, wish, owner, report, cancellation);
        IReadOnlyDictionary<string, MomentException> refused;
        await using (RunningBlockSnapshot snapshot = await RunningBlockSnapshot.PrepareAsync(context, scope, wish, owner, [], report, cancellation))
        {
            if (await snapshot.TakeAsync(cancellation) is { } record)
                return record;
            refused = snapshot.Refused;
        }

        // All was undone. What bears the operation's id once may not bear it twice.
        scope.Renew();
        foreach ((string disk, MomentException why) in refused)
            report.Warning($"Disk '{disk}' of '{scope.Place.Name}' takes no filter ({why.Message}). A backup job of QEMU copies in place of one: should the scratch file be full, the guest's writes to this disk fail or wait until the block snapshot is removed. Give its scratch file room.");
        await using RunningBlockSnapshot second = await RunningBlockSnapshot.PrepareAsync(context, scope, wish, owner, [.. refused.Keys], report, cancellation);
        return await second.TakeAsync(cancellation) ?? throw BlockSnapshotErrors.Refused(scope.Place.Name, wish.Name, second.Refused.Values.First());
    }
}
