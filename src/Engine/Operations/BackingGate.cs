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
            HashSet<string> vouched = new(StringComparer.Ordinal);
            foreach (string? path in disk.BackingStore.Select(layer => layer.Path).Concat(state?.Disk(disk.Target).Layers.Values.Select(layer => layer.Path) ?? []))
                if (path is not null && Files.Libc.RealPath(path) is { } real)
                    vouched.Add(real);
            for (int at = 1; at < chain.Count; at++)
                if (!ImagePlace.IsBeside(chain[at - 1].Path, chain[at].Path) && !(Files.Libc.RealPath(chain[at].Path) is { } real && vouched.Contains(real)))
                    throw DiskErrors.BackingForeign(doing, disk.Target, chain[at - 1].Path, chain[at].Path);
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

    private static async Task<List<(DomainDisk Disk, IReadOnlyList<ImageLayer> Chain)>> ChainsAsync(DomainDocument domain, CancellationToken cancellation)
    {
        List<(DomainDisk, IReadOnlyList<ImageLayer>)> chains = [];
        // What somebody else started has opened them already.
        if (domain.Monitor is not null)
            return chains;
        foreach (DomainDisk disk in domain.Disks.Where(disk => disk is { SourcePath: not null, Format: "qcow2", HasEncryption: false }))
        {
            try
            {
                chains.Add((disk, await DiskChain.ResolveAsync(domain.Name, disk, readOnly: true, cancellation)));
            }
            catch (MomentException unknown) when (unknown.ErrorId != DiskErrors.DiskBackingForeign)
            {
                // An image that is not there or cannot be read is told by whoever needs it; nothing is opened by its say-so until then.
            }
        }

        return chains;
    }
}
