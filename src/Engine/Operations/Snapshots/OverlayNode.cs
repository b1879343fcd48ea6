using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>A layer opened in QEMU or its storage daemon, as if the machine had been started with it.</summary>
/// <param name="NodeName">The node of the format; the file's, which lives and dies with it, is called by it, with "-f" behind.</param>
/// <param name="Path">The file.</param>
internal sealed record OverlayNode(string NodeName, string Path)
{
    /// <summary>The name of an operation's node: "mt-ID-0". It stays while the machine runs.</summary>
    public static string NameFor(string operationId, int index) => $"mt-{operationId}-{index}";

    /// <summary>Opens the layer, for writing.</summary>
    /// <param name="qmp">Where.</param>
    /// <param name="backing">The node beneath it; null: a snapshot transaction is to put it on one.</param>
    /// <param name="options">How the disk's images are opened: see <see cref="OptionsAsync"/>.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task AddAsync(QmpClient qmp, string? backing, DriverOptions options, CancellationToken cancellation)
    {
        try
        {
            await qmp.BlockdevAddAsync(BlockdevOptions.ForTop(new ImageLayer(NodeName, Path, OverlayFile.Format, ReadOnly: false, Libc.IsBlockDevice(Path)), backing, options), cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw ImageLock.Is(refused.Message) ? DiskErrors.Locked("open the layer", Path, refused.Message, refused) : SnapshotCreationErrors.OverlayFailed(Path, refused);
        }
    }

    /// <summary>
    /// How a disk's images are opened: a machine of ours by its definition; one that somebody else started as its QEMU says, because its
    /// definition here does not know.
    /// </summary>
    public static async Task<IReadOnlyDictionary<string, DriverOptions>> OptionsAsync(BlockSession session, DomainDocument domain, CancellationToken cancellation)
    {
        if (!session.IsMachine)
            return session.Disks.Keys.ToDictionary(name => name, _ => DriverOptions.Default, StringComparer.Ordinal);
        if (domain.Monitor is null)
            return session.Disks.Keys.ToDictionary(name => name, name => DriverOptions.Of(domain.FindDisk(name)!), StringComparer.Ordinal);
        var nodes = (await session.Qmp.QueryNamedBlockNodesAsync(cancellation)).ToDictionary(node => node.NodeName, StringComparer.Ordinal);
        return session.Disks.Values.ToDictionary(
            disk => disk.Name,
            disk => nodes.GetValueOrDefault(disk.NodeName) is { Cache: { } cache } node ? new DriverOptions(cache.Direct, cache.NoFlush, "unmap", node.DetectZeroes) : DriverOptions.Default,
            StringComparer.Ordinal);
    }
}
