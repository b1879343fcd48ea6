using MomentTools.Files;

namespace MomentTools.Operations.Layers;

/// <summary>What stands on what, as the headers of all known images said when they were read.</summary>
/// <param name="Links">The images, each once.</param>
/// <param name="Doubts">What could not be read and may stand on anything, a sentence's part each.</param>
internal sealed record ImageGraph(IReadOnlyList<ImageLink> Links, IReadOnlyList<string> Doubts)
{
    /// <summary>The image under a path, or null.</summary>
    public ImageLink? Find(string path) => FileStamp.Of(path) is { } stamp ? Links.FirstOrDefault(link => ImageLink.Same(link.Stamp, stamp)) : null;

    /// <summary>The images that stand directly on a file.</summary>
    public IReadOnlyList<ImageLink> On(string path) =>
        FileStamp.Of(path) is { } stamp ? [.. Links.Where(link => !ImageLink.Same(link.Stamp, stamp) && link.StandsOn(stamp))] : [];
}
