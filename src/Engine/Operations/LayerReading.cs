using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// What a disk's image files are, layer by layer: read when a disk's history begins, and held against that later. Headers alone are read,
/// whoever has the files open.
/// </summary>
internal static class LayerReading
{
    /// <summary>The layers of a disk, the active one first; the list ends at the first that cannot be read, with the reason.</summary>
    public static async Task<IReadOnlyList<SeenLayer>> ChainAsync(string path, string format, CancellationToken cancellation)
    {
        List<SeenLayer> chain = [];
        for (string? next = path; next is not null && chain.Count <= ChainOpener.MaximumDepth;)
        {
            SeenLayer layer = await OfAsync(next, format, cancellation);
            chain.Add(layer);
            next = null;
            if (layer.Facts is { BackingFile: { } backing, BackingFormat: { } below })
                (next, format) = (Resolved(layer.Path, backing), below);
        }

        return chain;
    }

    /// <summary>The layers of those disks of a change whose image is not described yet, by disk; files that may not be read are left out.</summary>
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>>> UnrecordedAsync(DomainMoments state, IEnumerable<SessionDisk> disks, CancellationToken cancellation)
    {
        Dictionary<string, IReadOnlyList<SeenLayer>> chains = new(StringComparer.Ordinal);
        foreach (SessionDisk disk in disks)
            if (state.Disk(disk.Name) is { ActiveTip: var tip, Layers: var layers } && (tip is null || layers[tip.LayerId].Facts is null))
                chains[disk.Name] = await ChainAsync(disk.Path, disk.Format, cancellation);
        return chains;
    }

    /// <summary>Writes down what the active layer and those beneath are; the frozen ones with length and time, by which a change is seen.</summary>
    public static DiskTracking Record(DiskTracking tracking, TrackingLayer active, IReadOnlyList<SeenLayer> chain)
    {
        var layers = new Dictionary<string, TrackingLayer>(tracking.Layers, StringComparer.Ordinal);
        string? below = null;
        foreach (SeenLayer frozen in chain.Skip(1).Where(layer => layer.Facts is not null).Reverse())
        {
            TrackingLayer known = layers.Values.FirstOrDefault(layer => layer.Path == frozen.Path && layer.Id != active.Id) ?? new TrackingLayer(MomentIds.New(), frozen.Path, null);
            layers[known.Id] = known with { BackingId = below, Facts = known.Facts ?? frozen.Facts };
            below = known.Id;
        }

        LayerFacts? facts = chain.Count == 0 ? null : chain[0].Facts;
        layers[active.Id] = active with { BackingId = below, Facts = facts is null ? null : facts with { Length = null, Modified = null } };
        return tracking with { Layers = layers };
    }

    private static async Task<SeenLayer> OfAsync(string path, string format, CancellationToken cancellation)
    {
        try
        {
            if (!File.Exists(path))
                return new SeenLayer(path, null, new MomentException(FileErrors.FileMissing, $"The file '{path}' does not exist.", path));
            Qcow2Header? header = format == "qcow2" ? await DiskChain.HeaderAsync(path, cancellation) : null;
            FileStamp stamp = FileStamp.Of(path) ?? throw FileErrors.From(new IOException("the system does not describe it"), "look at", path);
            // The time of a block device's node says nothing of its content.
            bool timed = !BlockDevices.Is(path);
            return new SeenLayer(path, new LayerFacts(format, stamp.Device, stamp.Inode, header?.BackingFile, header?.BackingFormat, timed ? stamp.Length : null, timed ? stamp.Modified : null), null);
        }
        catch (MomentException failure)
        {
            return new SeenLayer(path, null, failure);
        }
    }

    // A name that leads to no file (json:, nbd://) ends the chain as far as files go.
    private static string? Resolved(string path, string backing)
    {
        try
        {
            return BackingName.Resolve(path, backing);
        }
        catch (MomentException)
        {
            return null;
        }
    }
}
