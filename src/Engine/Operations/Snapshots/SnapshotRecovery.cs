using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What becomes of an external snapshot that was not decided. Where its transaction did not happen, all it made goes. Where it did, the
/// machine writes to the new layers, and nothing may take them away: then the metadata follow, with the moment where it is whole. Base and
/// new layer together are the guest's disk in both cases, so that in doubt nothing is lost.
/// </summary>
internal static class SnapshotRecovery
{
    private const string DisksFile = "disks.xml", DomainFile = "domain.xml", Forget = "forget";

    /// <summary>All that is needed to undo or to finish it.</summary>
    public static JsonObject Intent(
        IReadOnlyList<SnapshotStep> steps, string? memory, bool stops, bool halts, FileChanges named, FileChanges nameless, string definition) => new()
    {
        ["kind"] = "external",
        ["steps"] = new JsonArray([.. steps.Select(step => (JsonNode)step.ToJson())]),
        ["memory"] = memory,
        ["stops"] = stops,
        ["halts"] = halts,
        ["named"] = named.ToJson(),
        ["nameless"] = nameless.ToJson(),
        ["definition"] = definition,
    };

    /// <summary>Undoes what failed here, or brings it to an end without the moment; where that fails too, the next command does it.</summary>
    public static async Task AfterFailureAsync(ChangeScope scope, BlockSession session, Journal journal, FileStream? memory, Exception cause, IOperationReport report)
    {
        try
        {
            if (memory is not null)
                await memory.DisposeAsync();
            await session.DisposeAsync();
            NoteFailure(journal);
            JournalEntry entry = Journal.Pending(scope.Place.StateDirectory).First(one => one.Id == scope.Id);
            entry.Intent[Forget] = true;
            if (await ResolveAsync(scope.Place, scope.Domain, entry, CancellationToken.None))
                report.Warning($"The snapshot was not kept, but the disks of '{scope.Place.Name}' have their new layers, and the machine goes on with them: what it wrote since is there.");
        }
        catch (MomentException failure)
        {
            report.Warning($"The operation could not be undone yet: {failure.Message} The next command that changes '{scope.Place.Name}' does it. What had failed: {cause.Message}");
        }
    }

    // For the next command, should this one not come to the end. A disk may be full: then that one may still keep a moment that failed here.
    private static void NoteFailure(Journal journal)
    {
        try
        {
            journal.Extend(new JsonObject { [Forget] = true });
        }
        catch (MomentException failure) when (failure.Kind == ErrorKind.Storage)
        {
            // What failed first is what is to be told.
        }
    }

    /// <summary>Undoes or finishes it. True where it was finished.</summary>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        if ((string)entry.Intent["kind"]! == InternalSnapshot.Kind)
        {
            await InternalSnapshot.UndoAsync(place, domain, entry, cancellation);
            Journal.Remove(entry.Path);
            return false;
        }

        SnapshotStep[] steps = [.. entry.Intent["steps"]!.AsArray().Select(step => SnapshotStep.FromJson(step!.AsObject()))];
        bool happened = await SnapshotMachine.SettleAsync(place, domain, entry, steps, cancellation) ?? await HappenedAsync(steps, cancellation);
        if (!happened)
        {
            foreach (SnapshotStep step in steps.Where(step => step.Made))
                await RemoveAsync(entry, step.Overlay.Path, cancellation);
            RemoveMemory(entry);
            Journal.Remove(entry.Path);
            return false;
        }

        bool forget = (bool?)entry.Intent[Forget] == true || entry.Intent["memory"] is not null;
        FrozenSegments.Write(new MomentStore(place.StateDirectory).Segments, entry.Id, await FrozenSegments.ReadAsync(steps, null, entry.Id, cancellation), null);
        IReadOnlyDictionary<string, LayerFacts> facts = FrozenFacts.ByLayer(steps, await FrozenFacts.ReadAsync(steps, System.Diagnostics.Stopwatch.GetTimestamp()));
        var changes = new Dictionary<string, string?>(FileChanges.FromJson(entry.Intent[forget ? "nameless" : "named"]!.AsObject()).Files, StringComparer.Ordinal)
        {
            [DomainFile] = (string)entry.Intent["definition"]!,
        };
        changes[DisksFile] = WithFacts(changes[DisksFile]!, facts);
        RemoveMemory(entry);
        Journal.Redo(place.StateDirectory, entry with { Commit = new FileChanges(changes) });
        return true;
    }

    /// <summary>Whether the transaction happened, as the files of a machine that does not run tell: what was written above, or closed below.</summary>
    private static async Task<bool> HappenedAsync(SnapshotStep[] steps, CancellationToken cancellation)
    {
        foreach (SnapshotStep step in steps)
        {
            if (await IsUsedAsync(step.Overlay.Path, cancellation))
                return true;
            string? closed = step.Closed ?? step.BaseMarker;
            if (closed is not null && (await BitmapsAsync(step.Base.Path, cancellation)).Any(bitmap => bitmap.Name == closed && bitmap is { InUse: false, Auto: false }))
                return true;
        }

        return false;
    }

    private static async Task<bool> IsUsedAsync(string path, CancellationToken cancellation)
    {
        try
        {
            if (!File.Exists(path))
                return false;
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            return (await image.BitmapsAsync(cancellation)).Count > 0 || await ReusedOverlay.HoldsDataAsync(image, cancellation);
        }
        catch (MomentException failure) when (failure.Kind is not (ErrorKind.AccessDenied or ErrorKind.Storage))
        {
            // It was not made to its end, so nobody ever opened it.
            return false;
        }
    }

    private static async Task<IReadOnlyList<Qcow2Bitmap>> BitmapsAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        return await image.BitmapsAsync(cancellation);
    }

    // Never one that holds anything: whoever wrote it, it may be the only copy.
    private static async Task RemoveAsync(JournalEntry entry, string path, CancellationToken cancellation)
    {
        if (IsOurs(entry, path) && !await IsUsedAsync(path, cancellation))
            DurableFile.Delete(path);
    }

    private static void RemoveMemory(JournalEntry entry)
    {
        if ((string?)entry.Intent["memory"] is { } path && IsOurs(entry, path))
            DurableFile.Delete(path);
    }

    // The very file that was noted; before that was done, an empty one made since.
    private static bool IsOurs(JournalEntry entry, string path) =>
        FileStamp.Of(path) is { } stamp
        && (entry.Intent["made"]?[path] is { } made
            ? stamp.Device == (ulong)made["device"]! && stamp.Inode == (ulong)made["inode"]!
            : stamp.Length == 0 && stamp.Changed >= HostProcess.Before(entry.Started.UtcDateTime));

    private static string WithFacts(string disks, IReadOnlyDictionary<string, LayerFacts> facts)
    {
        var check = new XmlCheck(DisksFile);
        XElement root = XmlSource.Parse(disks, DisksFile).Root!;
        foreach (XElement element in root.Descendants(TrackingXml.Name("layer")).ToList())
            if (element.Attribute("id") is { } id && facts.TryGetValue(id.Value, out LayerFacts? known))
                element.ReplaceWith(TrackingXml.Write(TrackingXml.ReadLayer(element, check) with { Facts = known }));
        return XmlOutput.Write(root, "disks");
    }
}
