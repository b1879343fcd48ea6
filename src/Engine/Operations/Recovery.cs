using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups.Making;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Branches;
using MomentTools.Operations.Foreign;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Metadata;
using MomentTools.Operations.Repairs;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Before anything new is changed: what an earlier process left half-done is finished, where it had been decided, or undone. The domain's
/// lock is held, so nobody works on it now.
/// </summary>
internal static class Recovery
{
    public static async Task RunAsync(DomainPlace place, DomainDocument domain, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<JournalEntry> pending = Journal.Pending(place.StateDirectory);
        if (pending.Count == 0)
            return;
        await StorageDaemon.EndOrphansAsync(place.RuntimeDirectory, cancellation);
        // A guest that stands still goes on before anything else is looked at.
        foreach (JournalEntry entry in pending.Where(entry => entry.Operation == GuestFreeze.Operation))
            await GuestFreeze.ReleaseAsync(place, domain, entry, report, cancellation);
        foreach (JournalEntry entry in pending.Where(entry => entry.Operation is not (GuestFreeze.Operation or HeldMachine.Operation or MergeNote.Operation)))
        {
            if (entry.Operation.Length == 0)
            {
                // It died before its intent was written: nothing had been done.
                Journal.Remove(entry.Path);
                continue;
            }

            string what = $"'{entry.Operation}' of '{place.Name}', interrupted {entry.Started.ToLocalTime():yyyy-MM-dd HH:mm}";
            if (entry.Commit is not null)
            {
                Journal.Redo(place.StateDirectory, entry);
                report.Warning($"Finished the operation {what}.");
                continue;
            }

            bool finished = await TryUndoAsync(place, domain, entry, report, cancellation);
            report.Warning($"{(finished ? "Finished" : "Undid")} the operation {what}.");
        }

        // What it waits for has been finished or undone now.
        foreach (JournalEntry entry in pending.Where(entry => entry.Operation == HeldMachine.Operation))
            await HeldMachine.ReleaseAsync(place, domain, entry, cancellation);
        DurableFile.Sweep(place.StateDirectory);
        MergeNote.Sweep(place.StateDirectory);
        var store = new MomentStore(place.StateDirectory);
        store.Sweep(store.Load(report.Failure));
    }

    // What an intent lacks, or has of another kind, is found where it is needed.
    private static async Task<bool> TryUndoAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, IOperationReport report, CancellationToken cancellation)
    {
        try
        {
            return await UndoAsync(place, domain, entry, report, cancellation);
        }
        catch (Exception failure) when (failure is NullReferenceException or InvalidCastException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw Journal.Unreadable(entry.Path, failure);
        }
    }

    private static async Task<bool> UndoAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, IOperationReport report, CancellationToken cancellation)
    {
        switch (entry.Operation)
        {
            case CheckpointCreation.Operation:
                await CheckpointUndo.RunAsync(place, domain, Steps(entry.Intent), entry.Id, cancellation);
                break;
            case CheckpointGroup.Operation:
                if (GroupDecision.Find(place.StateRoot, (string)entry.Intent["group"]!, entry.Id) is { } decided)
                {
                    Journal.Redo(place.StateDirectory, entry with { Commit = decided });
                    return true;
                }

                await CheckpointUndo.RunAsync(place, domain, Steps(entry.Intent), entry.Id, cancellation);
                break;
            case BackupCreation.Operation:
                if (BackupCreation.IsPublished(entry.Intent))
                {
                    Journal.Redo(place.StateDirectory, entry.AsIntended());
                    return true;
                }

                await CheckpointUndo.RunAsync(place, domain, Steps(entry.Intent), entry.Id, cancellation);
                break;
            case PullBackup.Operation:
                if (BackupCreation.IsPublished(entry.Intent))
                {
                    Journal.Redo(place.StateDirectory, entry.AsIntended());
                    return true;
                }

                await BlockSnapshotUndo.RunAsync(place, domain, entry, cancellation);
                break;
            case MomentChange.Operation or BitmapRemoval.Operation or DomainUpdate.Operation or MomentImport.Operation or LayerThaw.Operation or SnapshotRemoval.Operation:
                break;
            case BranchRename.Operation or BranchRemoval.Operation or UndoOperation.Operation or SnapshotUse.Operation:
                break;
            case BranchCreation.Operation:
                await BranchCreation.UndoAsync(entry, cancellation);
                break;
            case BitmapCreation.Operation:
                await BitmapCreation.UndoAsync(place, domain, entry, cancellation);
                break;
            case Adoption.Operation:
                await AdoptionUndo.RunAsync(place, domain, entry, cancellation);
                break;
            case HandOver.Operation:
                return await HandOver.ResolveAsync(place, domain, entry, cancellation);
            case CheckpointRemoval.Operation:
                return await CheckpointRemoval.ResolveAsync(place, domain, entry, cancellation);
            case SnapshotCreation.Operation:
                return await SnapshotRecovery.ResolveAsync(place, domain, entry, cancellation);
            case BranchSwitch.Operation:
                return await SwitchRecovery.ResolveAsync(place, domain, entry, cancellation);
            case TurnRun.Operation:
                return await TurnResolution.RunAsync(place, domain, entry, cancellation);
            case TagRemoval.Operation:
                await TagRemoval.ResolveAsync(place, domain, entry, cancellation);
                break;
            case LayerMerge.Operation:
                return await MergeRecovery.RunAsync(place, domain, entry, cancellation);
            case LayerPull.Operation:
                return await LayerPull.ResolveAsync(place, domain, entry, cancellation);
            case LayerRemoval.Operation:
                return LayerRemoval.Resolve(place.StateDirectory, entry);
            case LettingGo.Operation:
                LettingGo.Resolve(place.StateDirectory, entry);
                return true;
            case BlockSnapshotCreation.Operation:
                await BlockSnapshotUndo.RunAsync(place, domain, entry, cancellation);
                break;
            case BlockExportStart.Operation:
                await BlockExportStart.UndoAsync(place, domain, entry, cancellation);
                break;
            case BlockExportStop.Operation:
                await BlockExportStop.ResolveAsync(place, domain, entry, cancellation);
                return true;
            case BlockSnapshotRemoval.Operation:
                return await BlockSnapshotRemoval.ResolveAsync(place, domain, entry, report, cancellation);
            case InPlaceRestore.Operation:
                return await InPlaceRestore.ResolveAsync(place, domain, entry, report, cancellation);
            case MomentRepair.Operation:
                return await MomentRepair.ResolveAsync(place, domain, entry, cancellation);
            default:
                throw new MomentException(OperationErrors.OperationUnknown, $"The journal '{entry.Path}' is of the operation '{entry.Operation}', which this version does not know.", entry.Path, "Use the version of MomentTools that began it.");
        }

        Journal.Remove(entry.Path);
        return false;
    }

    private static CheckpointStep[] Steps(JsonObject intent) => [.. intent["steps"]!.AsArray().Select(step => CheckpointStep.FromJson(step!.AsObject()))];
}
