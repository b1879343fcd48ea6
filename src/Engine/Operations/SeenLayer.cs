using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>One image of a disk's chain as its files show it now.</summary>
/// <param name="Path">The file.</param>
/// <param name="Facts">What it is; null where it could not be read.</param>
/// <param name="Trouble">Why it could not be read, or null.</param>
internal sealed record SeenLayer(string Path, LayerFacts? Facts, MomentException? Trouble)
{
    /// <summary>When the file was last written or put in this place, in nanoseconds since 1970; 0 where that is not known.</summary>
    public long Placed { get; init; }
}
