using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// Blocks that are known from elsewhere as a closed bitmap of a node that is to be exported with it: clients then see them as the metadata
/// context <c>qemu:dirty-bitmap:NAME</c>. It is kept in memory only, and goes with its node.
/// </summary>
internal static class AuthoredContext
{
    /// <summary>Bytes of one bit.</summary>
    public const long Granularity = 65536;

    /// <summary>Writes the bitmap through the NBD server of the process that has the node.</summary>
    /// <param name="qmp">The line to that process.</param>
    /// <param name="runtimeDirectory">Where the socket of its private server is.</param>
    /// <param name="operationId">At most 12 characters: part of the names of what is made in between.</param>
    /// <param name="node">The node; only its size counts.</param>
    /// <param name="bitmapName">The new bitmap; one that is there already makes QEMU refuse.</param>
    /// <param name="dirty">The blocks, inside the node; they are rounded out to <see cref="Granularity"/>.</param>
    /// <param name="cancellation">Cancels; nothing is left then.</param>
    public static async Task AddAsync(QmpClient qmp, string runtimeDirectory, string operationId, string node, string bitmapName, ExtentMap dirty, CancellationToken cancellation)
    {
        long size = await SizeAsync(qmp, node, cancellation);
        await using AuthoredSets sets = await WriteAsync(qmp, runtimeDirectory, operationId, size, dirty, cancellation);
        await MergeAsync(qmp, node, bitmapName, persistent: false, sets.Bitmaps[0]);
    }

    /// <summary>
    /// The same for a process of this user whose one NBD server is public, or speaks TLS: another storage daemon writes the bitmap into an
    /// image with no data, which lies in the runtime directory for that moment.
    /// </summary>
    /// <inheritdoc cref="AddAsync"/>
    public static async Task AddThroughImageAsync(
        QmpClient qmp, string runtimeDirectory, string operationId, string node, string bitmapName, ExtentMap dirty, CancellationToken cancellation)
    {
        long size = await SizeAsync(qmp, node, cancellation);
        string path = Path.Combine(runtimeDirectory, $"mt-ctx-{Guid.NewGuid():N}"), carrier = $"mt-{operationId}-c";
        try
        {
            await using (StorageDaemon daemon = await StorageDaemon.StartAsync(runtimeDirectory, cancellation))
            {
                await CreateAsync(daemon.Qmp, path, carrier, size, cancellation);
                await using (AuthoredSets sets = await WriteAsync(daemon.Qmp, runtimeDirectory, operationId, size, dirty, cancellation))
                    await MergeAsync(daemon.Qmp, carrier, bitmapName, persistent: true, sets.Bitmaps[0]);
                await daemon.CloseAsync(cancellation);
            }

            await qmp.BlockdevAddAsync(Image(path, carrier, readOnly: true), CancellationToken.None);
            try
            {
                await MergeAsync(qmp, node, bitmapName, persistent: false, new BitmapRef(carrier, bitmapName));
            }
            finally
            {
                if (!qmp.Closed.IsCompleted)
                    await qmp.BlockdevDelAsync(carrier, CancellationToken.None);
            }
        }
        finally
        {
            Remove(path);
        }
    }

    private static Task<AuthoredSets> WriteAsync(QmpClient qmp, string runtimeDirectory, string operationId, long size, ExtentMap dirty, CancellationToken cancellation) =>
        AuthoredSets.WriteAsync(qmp, () => new SessionExports(qmp, runtimeDirectory), $"mt-{operationId}-n", Granularity, [(size, [dirty])], cancellation);

    // Both or neither.
    private static Task MergeAsync(QmpClient qmp, string node, string bitmapName, bool persistent, BitmapRef source) => qmp.TransactionAsync(
        [
            TransactionAction.BitmapAdd(node, bitmapName, persistent, Granularity, disabled: true),
            TransactionAction.BitmapMerge(node, bitmapName, [source]),
        ],
        CancellationToken.None);

    private static async Task CreateAsync(QmpClient qmp, string path, string node, long size, CancellationToken cancellation)
    {
        const string job = "mt-create", file = "mt-file";
        var jobs = new QmpJobs(qmp);
        using (OwnedFile.Create(path))
        {
            // QEMU makes its files for everybody to read; one that is there it takes as it is.
        }

        await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "file", ["filename"] = path, ["size"] = 0 }, cancellation);
        await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "file", ["node-name"] = file, ["filename"] = path }, cancellation);
        await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "qcow2", ["file"] = file, ["size"] = size }, cancellation);
        await qmp.BlockdevDelAsync(file, cancellation);
        await qmp.BlockdevAddAsync(Image(path, node, readOnly: false), cancellation);
    }

    private static JsonObject Image(string path, string node, bool readOnly) => new()
    {
        ["driver"] = "qcow2",
        ["node-name"] = node,
        ["read-only"] = readOnly,
        ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path, ["read-only"] = readOnly },
    };

    private static async Task<long> SizeAsync(QmpClient qmp, string node, CancellationToken cancellation) =>
        (await qmp.QueryNamedBlockNodesAsync(cancellation)).FirstOrDefault(one => one.NodeName == node)?.VirtualSize
        ?? throw new MomentException(DiskErrors.DiskNotInMachine, $"QEMU at {qmp.Name} has no node '{node}'.", node, "Somebody else changed the machine's disks meanwhile. Look at the machine, then try again.");

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "delete", path);
        }
    }
}
