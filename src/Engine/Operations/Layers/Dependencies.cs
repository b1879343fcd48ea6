using System.Xml;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Finds out what stands on what, from the headers of all image files that can be known: disks and layers of every domain in the state root,
/// images that documents name, backups, all they stand on, and every image in the directories of these layers, whatever it is called. Metadata
/// is never asked whether an image is needed. What was read of a file holds as long as the file is the same, so that many looks are cheap.
/// </summary>
internal sealed class Dependencies(DomainCatalogue catalogue)
{
    private const string ImageExtension = ".qcow2";

    // "QFI\xfb", the first bytes of every qcow2 image.
    private static readonly byte[] Magic = [0x51, 0x46, 0x49, 0xfb];

    private readonly Dictionary<string, ImageLink> _known = new(StringComparer.Ordinal);

    /// <param name="state">The domain's moments: its layers, and the images and repositories that its documents name.</param>
    /// <param name="cancellation">Stops the look.</param>
    public async Task<ImageGraph> ScanAsync(DomainMoments state, CancellationToken cancellation)
    {
        List<string> doubts = [];
        HashSet<string> own = [.. state.Disks.Values.SelectMany(disk => disk.Layers.Values).Select(layer => layer.Path)];
        Queue<string> paths = new([.. own, .. Named(state), .. Others(doubts), .. await NeighboursAsync(own, doubts, cancellation)]);
        Dictionary<(ulong, ulong), ImageLink> found = [];
        while (paths.TryDequeue(out string? path))
        {
            cancellation.ThrowIfCancellationRequested();
            if (FileStamp.Of(path) is not { } stamp)
            {
                if (!FileStamp.IsAbsent(path))
                    doubts.Add($"'{path}' cannot be looked at");
                continue;
            }

            if (found.ContainsKey((stamp.Device, stamp.Inode)))
                continue;
            ImageLink link = await ReadAsync(path, stamp, cancellation);
            found.Add((stamp.Device, stamp.Inode), link);
            if (link.Trouble is { } trouble)
                doubts.Add($"'{path}' cannot be read ({trouble})");
            foreach (string below in link.Below)
                paths.Enqueue(below);
        }

        return new ImageGraph(found.Values, doubts);
    }

    private async Task<ImageLink> ReadAsync(string path, FileStamp stamp, CancellationToken cancellation)
    {
        if (_known.TryGetValue(path, out ImageLink? known) && known.Stamp == stamp)
            return known;
        ImageLink link;
        try
        {
            link = await IsQcow2Async(path, cancellation) ? await LinkAsync(path, stamp, cancellation) : new ImageLink(path, stamp, [], null) { Size = stamp.Length };
        }
        catch (MomentException failure)
        {
            link = new ImageLink(path, stamp, [], failure.Message.TrimEnd('.'));
        }

        return _known[path] = link;
    }

    private static async Task<ImageLink> LinkAsync(string path, FileStamp stamp, CancellationToken cancellation)
    {
        Qcow2Header header = await DiskChain.HeaderAsync(path, cancellation);
        string?[] names = [header.BackingFile, header.DataFile];
        return new ImageLink(path, stamp, [.. names.OfType<string>().Select(name => BackingName.Resolve(path, name))], null) { Snapshots = header.SnapshotCount, Size = header.Size };
    }

    // What the domain's documents name, and the backups that its moments were made for.
    private static IEnumerable<string> Named(DomainMoments state)
    {
        foreach (SnapshotDocument document in state.Moments.Values.Select(moment => moment.Document).OfType<SnapshotDocument>())
            foreach (string path in document.Disks.Concat(document.RevertDisks).Select(disk => disk.SourcePath).OfType<string>())
                yield return path;
        foreach (string repository in state.Moments.Values.Select(moment => moment.Repository).OfType<string>().Distinct(StringComparer.Ordinal).Where(Directory.Exists))
            foreach (string path in Directory.EnumerateFiles(repository, "*" + ImageExtension, new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }))
                yield return path;
    }

    // Of the other domains their definitions and layers; of this one as well.
    private List<string> Others(List<string> doubts)
    {
        List<string> paths = [];
        foreach (string directory in catalogue.Directories())
        {
            paths.AddRange(Values(Path.Combine(directory, "domain.xml"), root => root.Descendants("source").Select(source => source.Attribute("file") ?? source.Attribute("dev")), doubts));
            paths.AddRange(Values(Path.Combine(directory, "disks.xml"), root => root.Descendants(TrackingXml.Name("layer")).Select(layer => layer.Attribute("path")), doubts));
        }

        return paths;
    }

    private static IEnumerable<string> Values(string path, Func<XElement, IEnumerable<XAttribute?>> attributes, List<string> doubts)
    {
        if (!File.Exists(path))
            return [];
        try
        {
            return [.. attributes(XmlSource.ReadFile(path).Root!).Select(attribute => attribute?.Value).OfType<string>().Where(value => value.StartsWith('/'))];
        }
        catch (Exception failure) when (failure is MomentException or XmlException)
        {
            doubts.Add($"'{path}' cannot be read ({failure.Message.TrimEnd('.')})");
            return [];
        }
    }

    // Somebody may have put a layer of his own on one of these, beside it, and told nobody.
    private async Task<List<string>> NeighboursAsync(IEnumerable<string> layers, List<string> doubts, CancellationToken cancellation)
    {
        List<string> paths = [];
        foreach (string directory in layers.Select(path => Path.GetDirectoryName(path)!).Distinct(StringComparer.Ordinal).Where(Directory.Exists))
        {
            try
            {
                foreach (string path in Directory.EnumerateFiles(directory))
                    if (_known.TryGetValue(path, out ImageLink? known) && known.Stamp == FileStamp.Of(path) || await IsImageAsync(path, cancellation))
                        paths.Add(path);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                doubts.Add($"the directory '{directory}' cannot be listed ({failure.Message.TrimEnd('.')})");
            }
        }

        return paths;
    }

    private static async Task<bool> IsImageAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return await IsQcow2Async(path, cancellation);
        }
        catch (MomentException)
        {
            // What cannot be read and is called an image is taken for one; then it is a doubt.
            return path.EndsWith(ImageExtension, StringComparison.OrdinalIgnoreCase);
        }
    }

    private static async Task<bool> IsQcow2Async(string path, CancellationToken cancellation)
    {
        using ImageFile file = ImageFile.Open(path);
        byte[] start = new byte[Magic.Length];
        return await file.ReadAsync(0, start, cancellation) == start.Length && start.AsSpan().SequenceEqual(Magic);
    }
}
