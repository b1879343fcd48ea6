using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>The jobs that join layers of a chain. None ends by itself: each waits at its end (pending) until it is finalized, and stays in the list until it is dismissed.</summary>
internal static class QmpMergeCommands
{
    /// <summary>Writes what a layer holds into the one beneath (<c>block-commit</c>).</summary>
    /// <param name="qmp">QEMU or its storage daemon.</param>
    /// <param name="jobId">The job's id.</param>
    /// <param name="device">The node at the top of the chain.</param>
    /// <param name="topNode">The layer whose content goes down; null where it is the top itself, which the guest may go on writing until the job is complete.</param>
    /// <param name="baseNode">The layer that takes it.</param>
    /// <param name="backingFile">What the layer above is to name as its backing file then; null where there is none above.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    public static Task BlockCommitAsync(
        this QmpClient qmp, string jobId, string device, string? topNode, string baseNode, string? backingFile, CancellationToken cancellation)
    {
        JsonObject arguments = Job(jobId, device);
        arguments["base-node"] = baseNode;
        if (topNode is not null)
            arguments["top-node"] = topNode;
        if (backingFile is not null)
            arguments["backing-file"] = backingFile;
        return qmp.ExecuteAsync("block-commit", arguments, cancellation);
    }

    /// <summary>Copies what a layer reads from those beneath into itself (<c>block-stream</c>).</summary>
    /// <param name="qmp">QEMU or its storage daemon.</param>
    /// <param name="jobId">The job's id.</param>
    /// <param name="node">The layer.</param>
    /// <param name="baseNode">What it stands on afterwards; null for nothing.</param>
    /// <param name="backingFile">How it is to name that.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    public static Task BlockStreamAsync(this QmpClient qmp, string jobId, string node, string? baseNode, string? backingFile, CancellationToken cancellation)
    {
        JsonObject arguments = Job(jobId, node);
        if (baseNode is not null)
            arguments["base-node"] = baseNode;
        if (backingFile is not null)
            arguments["backing-file"] = backingFile;
        return qmp.ExecuteAsync("block-stream", arguments, cancellation);
    }

    private static JsonObject Job(string jobId, string device) => new()
    {
        ["job-id"] = jobId,
        ["device"] = device,
        ["auto-finalize"] = false,
        ["auto-dismiss"] = false,
    };
}
