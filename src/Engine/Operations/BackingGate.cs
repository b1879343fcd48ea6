using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Which files a machine may read because its images name them: those beside the image, those that its definition lists
/// (<c>&lt;backingStore&gt;</c>), and layers that were recorded. A guest reads all that its disk stands on, and who made an image chose what that is.
/// </summary>
internal static class BackingGate
{
    /// <summary>Refuses images that name other files.</summary>
    /// <param name="domain">The definition.</param>
    /// <param name="state">What is recorded of its disks; null for a machine that is new.</param>
    /// <param name="doing">What was tried, as the rest of "Cannot …".</param>
    /// <param name="cancellation">Stops the look.</param>
    /// <exception cref="MomentException"><c>DiskBackingForeign</c>.</exception>
    public static async Task RequireAsync(DomainDocument domain, DomainMoments? state, string doing, CancellationToken cancellation)
    {
        foreach ((DomainDisk disk, IReadOnlyList<ImageLayer> chain) in await ChainsAsync(domain, cancellation))
        {
            HashSet<string> vouched = Real(disk.BackingStore.Select(layer => layer.Path).Concat(state?.Disk(disk.Target).Layers.Values.Select(layer => layer.Path) ?? []));
            Require(disk, chain, vouched, doing);
        }
    }

    /// <summary>
    /// Refuses a record from elsewhere that calls other files layers: what is recorded may be read from then on, and becomes a disk's image where
    /// it is a branch's tip. Its layers are what the machine has already, what lies beside that, and what bears their marks.
    /// </summary>
    /// <param name="domain">The definition, whose own images were let through.</param>
    /// <param name="record">The record of each disk, with its layers where they are now.</param>
    /// <param name="cancellation">Stops the look.</param>
    /// <exception cref="MomentException"><c>DiskBackingForeign</c>.</exception>
    public static async Task RequireAsync(DomainDocument domain, IEnumerable<DiskTracking> record, CancellationToken cancellation)
    {
        if (domain.Monitor is not null)
            return;
        List<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)> chains = await ChainsAsync(domain, cancellation);
        foreach (DiskTracking tracking in record)
        {
            if (domain.FindDisk(tracking.Disk) is not { SourcePath: { } image } disk)
                continue;
            HashSet<string> had = Real([image, .. disk.BackingStore.Select(layer => layer.Path), .. chains.Where(one => one.Disk.Target == disk.Target).SelectMany(one => one.Chain).Select(layer => layer.Path)]);
            foreach (TrackingLayer layer in tracking.Layers.Values)
                if (Files.Libc.RealPath(layer.Path) is { } real && !had.Contains(real) && !ImagePlace.IsBeside(image, layer.Path) && !await LayerFollow.IsMarkedAsync(tracking, layer, cancellation))
                    throw DiskErrors.RecordForeign(domain.Name, disk.Target, layer.Path);
            had.UnionWith(Real(tracking.Layers.Values.Select(layer => layer.Path)));
            // A machine goes to a branch without being started anew.
            foreach (TrackingLayer tip in tracking.Tips.Values.Select(tip => tracking.Layers.GetValueOrDefault(tip.LayerId)).OfType<TrackingLayer>())
                Require(disk, await ChainAsync(domain.Name, disk with { SourcePath = tip.Path, Format = tip.Facts?.Format ?? "qcow2" }, cancellation), had, $"take over the record of '{domain.Name}'");
        }
    }

    /// <summary>The definition with the files that its images name now listed in it, so that they may be read from now on.</summary>
    public static async Task<DomainDocument> AcceptAsync(DomainDocument domain, CancellationToken cancellation)
    {
        foreach ((DomainDisk disk, IReadOnlyList<ImageLayer> chain) in await ChainsAsync(domain, cancellation))
            if (chain.Count > 1)
                domain = domain.WithBackingStore(disk.Target, [.. chain.Skip(1).Select(layer => (layer.Path, layer.Format, layer.IsBlockDevice))]);
        return domain;
    }

    private static HashSet<string> Real(IEnumerable<string?> paths) =>
        new(paths.Select(path => path is null ? null : Files.Libc.RealPath(path)).OfType<string>(), StringComparer.Ordinal);

    private static async Task<List<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)>> ChainsAsync(DomainDocument domain, CancellationToken cancellation)
    {
        List<(DomainDisk, IReadOnlyList<ImageLayer>)> chains = [];
        // What somebody else started has opened them already.
        if (domain.Monitor is not null)
            return chains;
        foreach (DomainDisk disk in domain.Disks.Where(disk => disk is { SourcePath: not null, Format: "qcow2", HasEncryption: false }))
            chains.Add((disk, await ChainAsync(domain.Name, disk, cancellation)));
        return chains;
    }

    private static async Task<IReadOnlyList<ImageLayer>> ChainAsync(string vm, DomainDisk disk, CancellationToken cancellation)
    {
        try
        {
            return await DiskChain.ResolveAsync(vm, disk, readOnly: true, cancellation);
        }
        catch (MomentException unknown) when (unknown.ErrorId != DiskErrors.DiskBackingForeign)
        {
            // An image that is not there or cannot be read is told by whoever needs it; nothing is opened by its say-so until then.
            return [];
        }
    }

    private static void Require(DomainDisk disk, IReadOnlyList<ImageLayer> chain, HashSet<string> vouched, string doing)
    {
        for (int at = 1; at < chain.Count; at++)
            if (!ImagePlace.IsBeside(chain[at - 1].Path, chain[at].Path) && !(Files.Libc.RealPath(chain[at].Path) is { } real && vouched.Contains(real)))
                throw DiskErrors.BackingForeign(doing, disk.Target, chain[at - 1].Path, chain[at].Path);
    }
}
