using MomentTools.Files;

namespace MomentTools.Operations.Layers;

/// <summary>What stands on what, as the headers of all known images said when they were read.</summary>
internal sealed class ImageGraph
{
    private readonly Dictionary<(ulong Device, ulong Inode), ImageLink> _links;
    private readonly Dictionary<string, (ulong Device, ulong Inode)?> _files = new(StringComparer.Ordinal);
    private readonly ILookup<(ulong Device, ulong Inode), ImageLink> _on;

    /// <param name="links">The images, each once.</param>
    /// <param name="doubts">What could not be read and may stand on anything, a sentence's part each.</param>
    public ImageGraph(IReadOnlyCollection<ImageLink> links, IReadOnlyList<string> doubts)
    {
        Doubts = doubts;
        _links = links.ToDictionary(link => (link.Stamp.Device, link.Stamp.Inode));
        foreach (ImageLink link in links)
            _files[link.Path] = (link.Stamp.Device, link.Stamp.Inode);
        _on = links.SelectMany(link => link.Below.Select(FileOf).OfType<(ulong, ulong)>().Distinct().Select(below => (Below: below, Link: link)))
            .Where(pair => pair.Below != (pair.Link.Stamp.Device, pair.Link.Stamp.Inode)).ToLookup(pair => pair.Below, pair => pair.Link);
    }

    public IReadOnlyList<string> Doubts { get; }

    public IEnumerable<ImageLink> Links => _links.Values;

    /// <summary>The image under a path, whatever it is called there, or null.</summary>
    public ImageLink? Find(string path) => FileOf(path) is { } file ? _links.GetValueOrDefault(file) : null;

    /// <summary>The images that stand directly on a file.</summary>
    public IEnumerable<ImageLink> On(string path) => FileOf(path) is { } file ? _on[file] : [];

    private (ulong Device, ulong Inode)? FileOf(string path)
    {
        if (!_files.TryGetValue(path, out (ulong, ulong)? file))
            _files[path] = file = FileStamp.Of(path) is { } stamp ? (stamp.Device, stamp.Inode) : null;
        return file;
    }
}
