using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>What is known beside an image when its bitmaps are judged.</summary>
/// <param name="Tracking">The disk's tree.</param>
/// <param name="Moments">The names of all moments of the domain, those whose files are broken included.</param>
/// <param name="Incomplete">Whether files of the metadata are broken or gone, so that what looks like nobody's may be theirs.</param>
/// <param name="IsSaved">Whether a sidecar is there and whole.</param>
/// <param name="Reason">What is known of why the mark of the state is not in the image, or null.</param>
internal sealed record DiskFacts(DiskTracking Tracking, IReadOnlySet<string> Moments, bool Incomplete, Func<string, bool> IsSaved, string? Reason = null);
