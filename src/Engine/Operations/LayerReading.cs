using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// What a disk's image files are, layer by layer: read when a disk's history begins, and held against that later. Headers alone are read,
/// whoever has the files open. What is recorded is what was read before the moment that it is recorded with: a write after it is seen.
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

    /// <summary>The layers of a disk that is tracked. Of a recorded file whose header this user may not read, its stamp is enough: while that is the same, so is the header.</summary>
    public static async Task<IReadOnlyList<SeenLayer>> ChainAsync(DiskTracking tracking, string path, string format, CancellationToken cancellation)
    {
        List<SeenLayer> chain = [.. await ChainAsync(path, format, cancellation)];
        if (chain[^1].Facts is not null)
            return chain;
        foreach ((TrackingLayer layer, int index) in LayerDrift.Recorded(tracking).Select((layer, index) => (layer, index)).Skip(1))
        {
            SeenLayer seen = chain.ElementAtOrDefault(index) ?? new SeenLayer(layer.Path, null, null);
            if (index >= chain.Count)
                chain.Add(seen);
            if (seen.Facts is null && layer.Facts is { } facts)
                chain[index] = Stamped(seen, facts);
        }

        return chain;
    }

    /// <summary>The same of a disk in a session. What a running machine has open beneath it counts, where its images say another file.</summary>
    public static async Task<IReadOnlyList<SeenLayer>> ChainAsync(DiskTracking tracking, SessionDisk disk, CancellationToken cancellation)
    {
        IReadOnlyList<SeenLayer> chain = await ChainAsync(tracking, disk.Path, disk.Format, cancellation);
        for (int index = 0; disk.Beneath is { } opened && index < chain.Count && chain[index].Facts is { } facts; index++)
        {
            string? named = chain.ElementAtOrDefault(index + 1)?.Path, open = opened.ElementAtOrDefault(index);
            // Of what is no file nothing is known, whoever names it.
            if ((named is null && facts.BackingFile is not null) || open?.StartsWith('/') == false)
                break;
            if (named != open && (named is null || open is null || (Libc.RealPath(named) ?? named) != (Libc.RealPath(open) ?? open)))
                return [.. chain.Take(index), chain[index] with { Facts = facts with { BackingFile = open } }];
        }

        return chain;
    }

    /// <summary>
    /// Writes down what the active layer and those beneath are; the frozen ones with length and time, by which a change is seen. What was
    /// recorded of a layer earlier stays, but where the disk has no history that it belongs to.
    /// </summary>
    public static DiskTracking Record(DiskTracking tracking, TrackingLayer active, IReadOnlyList<SeenLayer> chain)
    {
        var layers = new Dictionary<string, TrackingLayer>(tracking.Layers, StringComparer.Ordinal);
        string? below = null;
        foreach (SeenLayer frozen in chain.Skip(1).Where(layer => layer.Facts is not null).Reverse())
        {
            TrackingLayer known = layers.Values.FirstOrDefault(layer => layer.Path == frozen.Path && layer.Id != active.Id) ?? new TrackingLayer(MomentIds.New(), frozen.Path, null);
            layers[known.Id] = known with { BackingId = below, Facts = tracking.Tips.Count == 0 ? frozen.Facts : known.Facts ?? frozen.Facts };
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
                return new SeenLayer(path, null, new MomentException(FileErrors.FileMissing, $"The file '{path}' does not exist.", path, "Put the file back, or correct the path of the disk."));
            Qcow2Header? header = format == "qcow2" ? await DiskChain.HeaderAsync(path, cancellation) : null;
            FileStamp stamp = FileStamp.Of(path) ?? throw FileErrors.From(new IOException("the system does not describe it"), "look at", path);
            // The time of a block device's node says nothing of its content.
            bool timed = !Libc.IsBlockDevice(path);
            return new SeenLayer(path, new LayerFacts(format, stamp.Device, stamp.Inode, header?.BackingFile, header?.BackingFormat, timed ? stamp.Length : null, timed ? stamp.Modified : null), null)
            {
                Placed = stamp.Changed,
            };
        }
        catch (MomentException failure)
        {
            return new SeenLayer(path, null, failure);
        }
    }

    private static SeenLayer Stamped(SeenLayer layer, LayerFacts recorded) =>
        !Libc.IsBlockDevice(layer.Path) && FileStamp.Of(layer.Path) is { } stamp
            ? new SeenLayer(layer.Path, recorded with { Device = stamp.Device, Inode = stamp.Inode, Length = stamp.Length, Modified = stamp.Modified }, null) { Placed = stamp.Changed }
            : layer;

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
