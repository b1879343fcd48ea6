using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>After a crash in a merge: the note beside it tells whether the lower layer has everything. Then the merge is finished, else it never was.</summary>
internal static class MergeRecovery
{
    /// <returns>True where it was finished.</returns>
    public static async Task<bool> RunAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        JournalEntry? note = MergeNote.Find(place.StateDirectory, entry.Id);
        bool done = note is not null;
        if (MachineProbe.Find(place, domain).Monitor is { } monitor && await ConnectAsync(monitor, cancellation) is { } qmp)
        {
            await using QmpClient machine = qmp;
            done = await SettleAsync(machine, entry.Intent, done, cancellation);
        }

        if (!done)
        {
            if (note is not null)
                Journal.Remove(note.Path);
            Journal.Remove(entry.Path);
            return false;
        }

        JsonObject intent = entry.Intent;
        await LayerMerge.RenameBackingAsync((string)intent["disk"]!, intent["above"]!.AsArray().Select(path => (string)path!), (string)intent["into"]!, (string)intent["format"]!);
        Journal.Redo(place.StateDirectory, entry with { Commit = FileChanges.FromJson(intent["commit"]!.AsObject()) });
        Journal.Remove(note!.Path);
        return true;
    }

    // The machine's guest may be waiting for this.
    private static async Task<bool> SettleAsync(QmpClient qmp, JsonObject intent, bool decided, CancellationToken cancellation)
    {
        var jobs = new QmpJobs(qmp);
        string id = (string)intent["job"]!, disk = (string)intent["disk"]!, from = (string)intent["from"]!;
        QmpJobInfo? job = (await jobs.QueryAsync(cancellation)).FirstOrDefault(one => one.Id == id);
        if (!decided)
        {
            await jobs.CancelAsync(id, cancellation);
            return false;
        }

        bool failed = false;
        if (job is { Status: "pending" })
            await qmp.JobFinalizeAsync(id, cancellation);
        if (job is not null)
            failed = !(await jobs.WaitAsync(id, null, cancellation)).Succeeded;
        if (failed)
            return false;
        if ((await ChainNodes.ReadAsync(qmp, disk, cancellation)).Find(from) is { } node && !await IsUsedAsync(qmp, from, cancellation))
            await ChainNodes.CloseAsync(qmp, node.NodeName);
        return !await IsUsedAsync(qmp, from, cancellation);
    }

    // A job that ended badly before anybody saw it has left the guest where it was.
    private static async Task<bool> IsUsedAsync(QmpClient qmp, string path, CancellationToken cancellation) =>
        (await qmp.QueryBlockAsync(cancellation)).Any(device => device.Inserted is { } medium && ImageLink.IsSame(NodeFile.Of(medium.File), path));

    private static async Task<QmpClient?> ConnectAsync(QmpAddress monitor, CancellationToken cancellation)
    {
        try
        {
            return await QmpClient.ConnectAsync(monitor, cancellation);
        }
        catch (MomentException gone) when (gone.ErrorId == QmpErrors.QmpMonitorUnreachable)
        {
            return null;
        }
    }
}
