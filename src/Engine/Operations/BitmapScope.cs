namespace MomentTools.Operations;

/// <summary>Which bitmaps a removal of moments takes out of the images.</summary>
internal enum BitmapScope
{
    /// <summary>None: metadata alone.</summary>
    None,

    /// <summary>Those that the moments had.</summary>
    Moments,

    /// <summary>Also everything else that bears our names, for a domain that is forgotten.</summary>
    All,
}
