using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>New-VMCheckpoint of one machine: on all its disks at one instant, running or stopped.</summary>
internal sealed class CheckpointCreation(EngineContext context)
{
    public const string Operation = "checkpoint-create";

    public async Task<VMCheckpoint> RunAsync(string vm, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenTipsAsync(context, vm, "New-VMCheckpoint", report, cancellation);
        await using PreparedCheckpoint checkpoint = await PreparedCheckpoint.PrepareAsync(context, scope, request, null, report, cancellation);
        checkpoint.Begin(Operation, null);
        try
        {
            await checkpoint.ReadyAsync(cancellation);
            await GuestFreeze.HoldAsync([checkpoint.Guest], () => checkpoint.TakeAsync(cancellation), report, cancellation);
            await checkpoint.KeepAsync(cancellation);
        }
        catch (Exception)
        {
            await checkpoint.UndoAsync(report);
            throw;
        }

        return checkpoint.Decide();
    }

    /// <summary>The moment that a request describes, with every rule checked that needs no machine.</summary>
    public static StoredMoment Describe(ChangeScope scope, CreateCheckpointRequest request, string? repository = null)
    {
        // To the tick as the store writes it, so that what was made and what is read later are equal.
        DateTimeOffset now = DateTimeOffset.UtcNow;
        CheckpointDocument document = request.Xml is { } xml
            ? CheckpointDocument.Parse(xml, XmlErrors.Given, XmlOrigin.User)
            : new CheckpointDocument
            {
                Description = request.Description,
                Disks = [.. request.Disks.Select(disk => new CheckpointDisk(disk, CheckpointMode.Bitmap, null))],
                DisksGiven = request.Disks.Count > 0,
            };
        string name = request.Name ?? document.Name ?? NameOf(now);
        MomentNames.CheckCheckpoint(name);
        scope.RequireFree(name);
        document = CheckpointAlignment.Align(document with { Name = name }, scope.Domain, request.TrackableOnly);
        MomentKey? parent = scope.State.Tree(out _).NewestCurrent(document.Disks.Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => disk.Name))?.Key;
        document = document with { ParentName = parent?.Name, CreationTime = now.ToUnixTimeSeconds(), Domain = scope.Domain };
        return new StoredMoment(new MomentKey(MomentKind.Checkpoint, name), scope.Id, document, parent, now, repository);
    }

    /// <summary>The name of a checkpoint that was given none.</summary>
    public static string NameOf(DateTimeOffset now) => now.ToString("'cp-'yyyyMMdd'-'HHmmss'-'fff", CultureInfo.InvariantCulture);

    /// <summary>The disks that a checkpoint covers.</summary>
    public static IEnumerable<string> Tracked(StoredMoment moment) =>
        ((CheckpointDocument)moment.Document).Disks.Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => disk.Name);

    public static JsonArray Json(IEnumerable<CheckpointStep> steps) => new([.. steps.Select(step => (JsonNode)step.ToJson())]);
}
