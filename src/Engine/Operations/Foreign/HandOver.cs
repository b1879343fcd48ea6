using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Metadata;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Foreign;

/// <summary>
/// Export-VMMoment -ForLibvirt: all moments go over to libvirt, since bitmaps have one owner. Steps: the documents, flushed; intent, with the
/// whole change of the metadata; one transaction that makes the bitmaps record as libvirt's; metadata. After a crash the bitmaps tell whether
/// the transaction happened: then it is finished, else all is ours as before. The documents stay in either case.
/// </summary>
internal sealed class HandOver(EngineContext context)
{
    public const string Operation = "hand-over";

    public async Task<IReadOnlyList<VMMomentDocument>> RunAsync(string vm, ExportMomentsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Path is not { } directory || request.Names.Count > 0)
            throw new MomentException(MetadataErrors.ExportPathInvalid, $"Cannot hand the moments of '{vm}' over to libvirt: all of them go, a file each, into a directory. Nothing was written.", vm, "Give -Path DIRECTORY and no names.");
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Export-VMMoment -ForLibvirt", report, cancellation);
        DomainMoments state = scope.Store.Load(report.Failure, whole: true);
        MomentTree tree = state.Tree(out _);
        if (tree.Count == 0)
            throw new MomentException(MetadataErrors.ExportNothing, $"Cannot export moments of '{vm}': it has none.", vm, "New-VMCheckpoint takes a checkpoint.");
        request = request with { Path = Path.EndsInDirectorySeparator(directory) ? directory : directory + Path.DirectorySeparatorChar };
        ExportTarget target = ExportTarget.Of(request, tree.All);
        target.RequireFree();
        List<string> problems = [.. Inexpressible(scope.Domain, state)];
        string[] disks = [.. state.Disks.Values.Where(disk => disk.Points.Values.Any(point => point.Moment is not null) && scope.Domain.FindDisk(disk.Disk) is not null).Select(disk => disk.Disk)];
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, state, cancellation);
        List<HandOverStep> steps = [];
        foreach (string disk in disks)
        {
            FoundDisk.ActiveLayer(state.Disk(disk), session.Disks[disk]);
            steps.Add(await HandOverStep.MakeAsync(state.Disk(disk), session.Disks[disk], seen[disk], scope.Store.Segments, cancellation));
        }

        problems.AddRange(steps.SelectMany(step => step.Problems));
        if (problems.Count > 0)
            throw ForeignErrors.CannotHandOver(vm, problems);
        var documents = new ExportedDocuments(state, tree);
        VMMomentDocument[] made = [.. tree.All.Select(moment => new VMMomentDocument { VM = vm, Name = moment.Name, Kind = moment.Kind.ToString(), Xml = documents.One(moment, request, null), Path = target.PathOf(moment) })];
        target.Write(made);
        await GiveAsync(scope, session, steps, cancellation);
        return made;
    }

    /// <summary>After a crash: finishes it where its transaction happened, else forgets it. True where it was finished.</summary>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        JsonObject disks = entry.Intent["disks"]!.AsObject();
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. disks.Select(disk => disk.Key)], BlockAccess.Change, cancellation);
        await Leftovers.RemoveAsync(session, entry.Id, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.BitmapsAtOpening(session);
        // Where QEMU died meanwhile the bitmaps are not theirs yet: what was saved of ours serves better.
        bool happened = disks.All(disk => !seen[disk.Key].Bitmaps.ContainsKey((string)disk.Value!["marker"]!)
            && disk.Value["bitmaps"]!.AsArray().All(name => seen[disk.Key].Bitmaps.GetValueOrDefault((string)name!) is { Recording: true, Inconsistent: false }));
        await session.CloseAsync(cancellation);
        if (happened)
            Journal.Redo(place.StateDirectory, entry.AsIntended());
        else
            Journal.Remove(entry.Path);
        return happened;
    }

    private static async Task GiveAsync(ChangeScope scope, BlockSession session, List<HandOverStep> steps, CancellationToken cancellation)
    {
        DomainMoments next = scope.State.Without([.. scope.State.Moments.Keys]) with { Current = null, Disks = new Dictionary<string, DiskTracking>(StringComparer.Ordinal) };
        using Journal journal = scope.Begin(Operation, new JsonObject
        {
            ["disks"] = new JsonObject(steps.Select(step => KeyValuePair.Create(step.Disk, (JsonNode?)new JsonObject
            {
                ["marker"] = step.Marker, ["bitmaps"] = new JsonArray([.. step.Bitmaps.Select(name => (JsonNode)name)]),
            }))),
            ["commit"] = scope.Store.Difference(scope.State, next).ToJson(),
        }, next);
        bool given = false;
        try
        {
            TransactionAction[] broken = [.. steps.SelectMany(step => step.Broken.Select(name => TransactionAction.BitmapRemove(session.Disks[step.Disk].NodeName, name)))];
            if (broken.Length > 0)
                await session.Qmp.TransactionAsync(broken, CancellationToken.None);
            await using AuthoredBitmaps authored = await AuthoredBitmaps.WriteAsync(session, scope.Id, [.. steps.SelectMany(step => step.Authored)], cancellation);
            journal.Pass("transaction");
            TransactionAction[] actions = [.. Actions(steps, authored.Bitmaps)];
            given = true;
            // Not cancelled: a transaction whose answer was not awaited may have happened.
            if (actions.Length > 0)
                await session.Qmp.TransactionAsync(actions, CancellationToken.None);
        }
        catch (Exception failure) when (!given || failure is MomentException refused && refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            // Nothing happened, so nothing has to be looked into later.
            journal.End();
            throw;
        }

        journal.Pass("close");
        await session.CloseAsync(CancellationToken.None);
        scope.Commit(journal, next);
        scope.Store.Sweep(scope.State);
    }

    private static IEnumerable<TransactionAction> Actions(List<HandOverStep> steps, IReadOnlyList<BitmapRef> authored)
    {
        int taken = 0;
        foreach (HandOverStep step in steps)
        {
            int count = step.Authored.Count();
            foreach (TransactionAction action in step.Actions(authored.Skip(taken).Take(count)))
                yield return action;
            taken += count;
        }
    }

    private static IEnumerable<string> Inexpressible(DomainDocument domain, DomainMoments state)
    {
        foreach (MomentKey broken in state.Broken)
            yield return $"the file of {broken.Kind.ToString().ToLowerInvariant()} '{broken.Name}' cannot be read";
        foreach (DiskTracking disk in state.Disks.Values)
        {
            if (disk.Tips.Count > 1)
                yield return $"disk '{disk.Disk}' has branches, which libvirt does not know";
            foreach (TrackingPoint point in disk.Points.Values.Where(point => point.Moment is { Kind: MomentKind.Snapshot }))
                yield return $"the change tracking of disk '{disk.Disk}' runs through snapshot '{point.Moment!.Name}', which libvirt cannot express";
        }

        foreach (StoredMoment moment in state.Moments.Values.Where(moment => moment.Key.Kind == MomentKind.Checkpoint))
            foreach (string disk in CheckpointCreation.Tracked(moment))
                if (domain.FindDisk(disk) is null)
                    yield return $"checkpoint '{moment.Key.Name}' covers disk '{disk}', which the machine has no more";
                else if (state.Disk(disk).PointOf(moment.Key) is null)
                    yield return $"of checkpoint '{moment.Key.Name}' nothing is recorded on disk '{disk}'";
    }
}
