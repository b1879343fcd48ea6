using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// New-VMCheckpoint -NoMetadata: bitmaps that begin to record on all disks at one instant and that no moment names; what we record ourselves
/// goes on beside them. Until the end a failure or a crash removes them again.
/// </summary>
internal sealed class BitmapCreation(EngineContext context)
{
    public const string Operation = "bitmap-create";

    public async Task<VMCheckpoint> RunAsync(string vm, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Quiesce)
            throw new MomentException(OperationErrors.NoMetadataAlone, $"Cannot make bitmaps on '{vm}': without metadata there is no moment that could be a quiet one.", vm, "Leave out -Quiesce, or -NoMetadata.");
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "New-VMCheckpoint", report, cancellation);
        StoredMoment moment = CheckpointCreation.Describe(scope, request);
        string[] disks = [.. CheckpointCreation.Tracked(moment)];
        await BitmapCapability.RequireAsync(scope.Domain, disks, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        RefuseTaken(moment.Key.Name, session);
        using Journal journal = scope.Begin(Operation, new JsonObject { ["name"] = moment.Key.Name, ["disks"] = new JsonArray([.. disks.Select(disk => (JsonNode)disk)]) }, scope.State);
        try
        {
            journal.Pass("transaction");
            await session.Qmp.TransactionAsync(session.Disks.Values.Select(disk => TransactionAction.BitmapAdd(disk.NodeName, moment.Key.Name, persistent: true, TrackingProof.Granularity)), cancellation);
            journal.Pass("close");
            await session.CloseAsync(cancellation);
        }
        catch (Exception)
        {
            await session.DisposeAsync();
            await UndoAsync(scope, disks, moment.Key.Name, journal, report);
            throw;
        }

        journal.End();
        return new VMCheckpoint
        {
            VM = vm,
            Name = moment.Key.Name,
            Created = moment.Created,
            Disks = [.. ((CheckpointDocument)moment.Document).Disks.Select(disk => disk.Mode == CheckpointMode.Bitmap
                ? new VMMomentDisk { Name = disk.Name, Bitmap = moment.Key.Name, Granularity = TrackingProof.Granularity, State = VMBitmapState.Foreign }
                : new VMMomentDisk { Name = disk.Name, State = VMBitmapState.NotCovered })],
        };
    }

    /// <summary>Removes what an interrupted operation made: before it there were no such bitmaps.</summary>
    public static async Task UndoAsync(DomainPlace place, DomainDocument domain, IReadOnlyCollection<string> disks, string name, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, disks, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.BitmapsAsync(session, cancellation);
        TransactionAction[] removals = [.. session.Disks.Values.Where(disk => seen[disk.Name].Bitmaps.ContainsKey(name)).Select(disk => TransactionAction.BitmapRemove(disk.NodeName, name))];
        if (removals.Length > 0)
            await session.Qmp.TransactionAsync(removals, cancellation);
        await session.CloseAsync(cancellation);
    }

    public static Task UndoAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation) =>
        UndoAsync(place, domain, [.. entry.Intent["disks"]!.AsArray().Select(disk => (string)disk!)], (string)entry.Intent["name"]!, cancellation);

    private static Task UndoAsync(ChangeScope scope, string[] disks, string name, Journal journal, IOperationReport report) => WayBack.TryAsync(scope.Place.Name, report, async () =>
    {
        await UndoAsync(scope.Place, scope.Domain, disks, name, CancellationToken.None);
        journal.End();
    });

    private static void RefuseTaken(string name, BlockSession session)
    {
        foreach (SessionDisk disk in session.Disks.Values.Where(disk => disk.Bitmaps.Any(bitmap => bitmap.Name == name)))
            throw new MomentException(OperationErrors.BitmapExists, $"Cannot make the bitmap '{name}': the image of disk '{disk.Name}' ('{disk.Path}') already has one of that name.", disk.Name, "Choose another name. Get-VMBitmap shows the bitmaps that are in the images and whom they belong to.");
    }
}
