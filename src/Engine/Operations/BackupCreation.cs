using System.Text.Json.Nodes;
using MomentTools.Operations.Backups.Making;

namespace MomentTools.Operations;

/// <summary>Backup-VMDomain: whoever owns the disks writes them itself (push), or they are read from an instant that is held meanwhile (pull).</summary>
internal sealed class BackupCreation(EngineContext context)
{
    public const string Operation = "backup";

    public static string IncrementBitmap(string operationId) => $"mt-inc-{operationId}";

    /// <summary>Whether an interrupted backup had come to be.</summary>
    public static bool IsPublished(JsonObject intent) => Directory.Exists((string)intent["published"]!);

    public async Task<VMBackup> RunAsync(string vm, BackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Backup-VMDomain", report, cancellation);
        await using BackupWork work = await BackupWork.PrepareAsync(context, scope, request, report, cancellation);
        if (request.Pull && !work.Session.IsMachine)
            report.Verbose($"'{vm}' is stopped: a pull is the same there as a push.");
        return work.IsPull ? await new PullBackup(work, report).RunAsync(cancellation) : await new PushBackup(work, report).RunAsync(cancellation);
    }
}
