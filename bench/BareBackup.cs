using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench;

/// <summary>
/// The least that a push backup can be: over QMP, a new qcow2 is created and opened, <c>blockdev-backup</c> copies, the file is closed.
/// </summary>
internal static class BareBackup
{
    public static async Task RunAsync(Machine machine, string target, long size, string? bitmap, CancellationToken cancellation)
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(machine.Monitor, cancellation);
        var jobs = new QmpJobs(qmp);
        string node = await NodeAsync(qmp, cancellation);
        await jobs.BlockdevCreateAsync("bare-create", new JsonObject { ["driver"] = "file", ["filename"] = target, ["size"] = 0 }, cancellation);
        await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "file", ["node-name"] = "bare-f", ["filename"] = target }, cancellation);
        await jobs.BlockdevCreateAsync("bare-create", new JsonObject { ["driver"] = "qcow2", ["file"] = "bare-f", ["size"] = size }, cancellation);
        await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "qcow2", ["node-name"] = "bare", ["file"] = "bare-f" }, cancellation);
        var backup = new JsonObject { ["job-id"] = "bare-job", ["device"] = node, ["target"] = "bare", ["sync"] = bitmap is null ? "full" : "bitmap", ["auto-dismiss"] = false };
        if (bitmap is not null)
            (backup["bitmap"], backup["bitmap-mode"]) = (bitmap, "on-success");
        await jobs.RunAsync("bare-job", token => qmp.ExecuteAsync("blockdev-backup", backup, token), null, cancellation);
        await qmp.BlockdevDelAsync("bare", cancellation);
        await qmp.BlockdevDelAsync("bare-f", cancellation);
    }

    /// <summary>A bitmap of the bench's own that records from now on.</summary>
    public static async Task RecordAsync(Machine machine, string bitmap, CancellationToken cancellation)
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(machine.Monitor, cancellation);
        await qmp.BitmapAddAsync(await NodeAsync(qmp, cancellation), bitmap, persistent: false, granularity: null, disabled: false, cancellation);
    }

    /// <summary>Removes what a round wrote. What earlier rounds wrote must not be flushed on the next one's account.</summary>
    public static async Task ClearAsync(string target, string? directory, CancellationToken cancellation)
    {
        File.Delete(target);
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
        await Tool.RunAsync("sync", [], cancellation);
    }

    /// <summary>Flushes the file and hashes it, as our backups do.</summary>
    public static async Task FlushAndHashAsync(string target, CancellationToken cancellation)
    {
        await Tool.RunAsync("sync", [target], cancellation);
        await Tool.RunAsync("sha256sum", [target], cancellation);
    }

    private static async Task<string> NodeAsync(QmpClient qmp, CancellationToken cancellation) =>
        (await qmp.QueryBlockAsync(cancellation)).First(device => device.Inserted is { Driver: "qcow2" }).Inserted!.NodeName;
}
